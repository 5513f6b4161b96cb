#!/usr/bin/env node
require('./run')('kafka-get-offsets.sh');
