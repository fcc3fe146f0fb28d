// The server of @push.rocks/smartmongo, in memory, on a port of its own; the ready line names it.
// It prints lines of its own before that one. Ends when its stdin does.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import net from 'node:net';

const packages = createRequire(`${process.env.OOCRPC_PACKAGES}/smartmongo/`);
const entry = packages.resolve('@push.rocks/smartmongo');
const { congodb } = await import(pathToFileURL(entry));

// The server wants to know its port beforehand.
const free = net.createServer().listen(0, '127.0.0.1');
await new Promise((done) => free.once('listening', done));
const { port } = free.address();
await new Promise((done) => free.close(done));

const server = new congodb.CongoServer({ port, host: '127.0.0.1', storage: 'memory' });
await server.start();
console.log(`ready mongodb://127.0.0.1:${port}/`);
process.stdin.resume().on('end', async () => {
  await server.stop();
  process.exit(0);
});
