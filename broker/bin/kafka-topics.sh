#!/usr/bin/env node
require('./run')('kafka-topics.sh');
