#!/usr/bin/env node
require('./run')('kafka-configs.sh');
