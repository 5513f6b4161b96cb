#!/usr/bin/env node
require('./run')('zookeeper-shell.sh');
