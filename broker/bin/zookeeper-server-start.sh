#!/usr/bin/env node
require('./run')('zookeeper-server-start.sh');
