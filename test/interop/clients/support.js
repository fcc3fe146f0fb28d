// What the JavaScript clients share: how a case is told, waiting for the server, a tap on the wire.
'use strict';
const fs = require('node:fs');
const net = require('node:net');
const { createRequire } = require('node:module');
const { promisify } = require('node:util');

const URL_OF_SERVER = process.env.OOCRPC_URL;
const BOUND_MS = 30000;
const read = promisify(fs.read);

// The server's URL with another path, and with options more.
function urlWith(path, options = {}) {
  const url = new URL(URL_OF_SERVER);
  url.pathname = path;
  for (const [name, value] of Object.entries(options)) url.searchParams.set(name, value);
  return url.href;
}

const packages = createRequire(`${process.env.OOCRPC_PACKAGES}/clients/`);

// Lines go out at once: stdout of the mongosh is its own.
const tell = (line) => fs.writeSync(1, `${line}\n`);

class Skip extends Error {}

// Each case has this long, which is far more than it needs.
const CASE_MS = 60000;
const STACK_LINES = 30;

function within(ms, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took over ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// Runs the cases {name: async function} in their order; OOCRPC_CASES names those to run alone.
async function runCases(cases) {
  const only = process.env.OOCRPC_CASES?.split(',');
  for (const [name, body] of Object.entries(cases)) {
    if (only && !only.includes(name)) continue;
    try {
      await within(CASE_MS, name, body());
      tell(`ok ${name}`);
    } catch (e) {
      const why = String(e?.message ?? e).replace(/\s+/g, ' ').slice(0, 300);
      tell(`${e instanceof Skip ? 'skip' : 'not ok'} ${name}: ${why}`);
      if (!(e instanceof Skip)) console.error(`${name}: ${String(e?.stack ?? e).split('\n').slice(0, STACK_LINES).join('\n')}`);
    }
  }
}

// Asks again until the answer is one; fails with the last one after the bound.
async function until(what, ask) {
  const end = Date.now() + BOUND_MS;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`${what}: not within ${BOUND_MS} ms`);
    await pause(10);
  }
}

// The error of that promise; an error where there is none.
async function errorOf(promise) {
  let result;
  try {
    result = await promise;
  } catch (e) {
    return e;
  }
  throw new Error(`expected an error, got ${JSON.stringify(result)}`);
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// Some of stdin, at least one byte; mongosh has made it non-blocking.
async function readSome() {
  for (;;) {
    try {
      const { bytesRead, buffer } = await read(0, Buffer.alloc(64), 0, 64, null);
      if (bytesRead === 0) throw new Error('the harness is gone');
      return buffer.toString('utf8', 0, bytesRead);
    } catch (e) {
      if (e.code !== 'EAGAIN') throw e;
      await pause(5);
    }
  }
}

// Has the harness stop and start the server.
async function restart(how = '') {
  tell(`RESTART${how && ' '}${how}`);
  let text = '';
  while (!text.includes('\n')) text += await readSome();
  if (text !== 'READY\n') throw new Error(`the harness said ${JSON.stringify(text)}`);
}

// The messages of one direction of a connection, once they are whole.
function messagesOf(chunks) {
  const bytes = Buffer.concat(chunks);
  const found = [];
  for (let at = 0; at + 16 <= bytes.length; at += bytes.readInt32LE(at)) {
    found.push({
      opcode: bytes.readInt32LE(at + 12),
      compressor: bytes[at + 24],
      bytes: bytes.subarray(at, at + bytes.readInt32LE(at)),
    });
  }
  return found;
}

// A port that passes everything on to where the URL points and keeps a copy of both directions.
async function tap(of = URL_OF_SERVER) {
  const url = new URL(of);
  const { hostname, port } = url;
  const connections = [];
  const listening = net.createServer((near) => {
    const far = net.connect(Number(port), hostname);
    const sent = [], received = [];
    connections.push({ sent, received, near, far });
    near.on('data', (data) => sent.push(data)).on('error', () => {}).pipe(far);
    far.on('data', (data) => received.push(data)).on('error', () => {}).pipe(near);
  });
  await new Promise((done) => listening.listen(0, '127.0.0.1', done));
  url.port = listening.address().port;
  return {
    url: url.href,
    sent: () => connections.flatMap((c) => messagesOf(c.sent)),
    received: () => connections.flatMap((c) => messagesOf(c.received)),
    close() {
      listening.close();
      for (const { near, far } of connections) [near, far].forEach((s) => s.destroy());
    },
  };
}

module.exports = {
  URL_OF_SERVER, urlWith, packages, tell, Skip, runCases, until, errorOf, restart, tap,
};
