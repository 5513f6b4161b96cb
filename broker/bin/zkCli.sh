#!/usr/bin/env node
require('./run')('zkCli.sh');
