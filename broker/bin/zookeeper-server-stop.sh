#!/usr/bin/env node
require('./run')('zookeeper-server-stop.sh');
