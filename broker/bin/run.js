'use strict';
// Starts the compiled command line. Written so that an old Node can still read it and be told that it is old.
const fs = require('fs');
const path = require('path');

const needed = [22, 22];

module.exports = function run(program) {
  const own = process.versions.node.split('.').map(Number);
  if (own[0] < needed[0] || (own[0] === needed[0] && own[1] < needed[1])) {
    console.error(
      `${program} needs Node.js ${needed.join('.')} or newer; this is ${process.version} (${process.execPath}).`,
    );
    process.exit(1);
  }
  const compiled = path.join(__dirname, '..', 'build', 'cli', 'main.js');
  if (!fs.existsSync(compiled)) {
    console.error(`${program} is not compiled: ${compiled} is missing. Run: npm run build`);
    process.exit(1);
  }
  // Files are read and written, and names resolved, by this many threads at once; a disk that hangs takes some of them.
  if (process.env.UV_THREADPOOL_SIZE === undefined) process.env.UV_THREADPOOL_SIZE = '32';
  require('module').enableCompileCache?.();
  require(compiled).main(program, process.argv.slice(2)).then(end);
};

/**
 * What waits for a disk that does not answer cannot be called back, and exit() would wait for its thread. Then a signal is
 * the only end; init of a container hears none of its own.
 */
async function end(code) {
  const waits = () => process.getActiveResourcesInfo().includes('FSReqPromise');
  for (let i = 0; i < 20 && waits(); i++) await new Promise((resolve) => setTimeout(resolve, 50));
  if (waits()) {
    if (process.pid === 1) process.abort();
    process.kill(process.pid, 'SIGKILL');
  }
  process.exit(code);
}
