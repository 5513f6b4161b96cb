#!/usr/bin/env node
require('./run')('kafka-transactions.sh');
