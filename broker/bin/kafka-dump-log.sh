#!/usr/bin/env node
require('./run')('kafka-dump-log.sh');
