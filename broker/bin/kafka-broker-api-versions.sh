#!/usr/bin/env node
require('./run')('kafka-broker-api-versions.sh');
