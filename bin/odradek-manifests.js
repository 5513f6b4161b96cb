#!/usr/bin/env node
'use strict';
// Starts the compiled tool. Written so that an old Node can still read it and be told that it is old.
const fs = require('fs');
const path = require('path');

const major = Number(process.versions.node.split('.')[0]);
if (major < 20) {
  console.error(`odradek-manifests needs Node.js 20 or newer; this is ${process.version} (${process.execPath}).`);
  process.exit(1);
}
const compiled = path.join(__dirname, '..', 'build', 'lib', 'tool', 'main.js');
if (!fs.existsSync(compiled)) {
  console.error(`odradek-manifests is not compiled: ${compiled} is missing. Run: npm run build`);
  process.exit(1);
}
require(compiled)
  .main(process.argv.slice(2))
  .then((code) => process.exit(code));
