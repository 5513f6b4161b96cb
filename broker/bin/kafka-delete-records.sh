#!/usr/bin/env node
require('./run')('kafka-delete-records.sh');
