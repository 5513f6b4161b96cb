// Loaded into the servers that the tool starts: a server ends, cleanly, when the tool is gone without having stopped it.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
