#!/usr/bin/env node
require('./run')('kafka-console-producer.sh');
