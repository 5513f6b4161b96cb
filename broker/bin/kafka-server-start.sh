#!/usr/bin/env node
require('./run')('kafka-server-start.sh');
