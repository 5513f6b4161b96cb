#!/usr/bin/env node
require('./run')('kafka-server-stop.sh');
