#!/usr/bin/env node
require('./run')('kafka-consumer-groups.sh');
