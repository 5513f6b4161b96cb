#!/usr/bin/env node
require('./run')('kafka-log-dirs.sh');
