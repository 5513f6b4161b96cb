#!/usr/bin/env node
require('./run')('kafka-console-consumer.sh');
