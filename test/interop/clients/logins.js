// Logins instead of cases: what came of each URL in the file OOCRPC_LOGINS, told as login_test.py
// wants to know it; some are tried at the same time.
'use strict';
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { tell } = require('./support.js');

const AT_A_TIME = 8;

// Errors of a server have numbers as codes, those of OpenSSL have words. Why no server could be
// selected is known of each server.
function described(e) {
  const why = [...e?.reason?.servers?.values() ?? []].map((server) => server.error?.message);
  const text = [e?.message ?? e, ...why].join(' ').replace(/\s+/g, ' ').slice(0, 300);
  return typeof e?.code === 'number' ? `code ${e.code}: ${text}` : `error: ${text}`;
}

// `use(url, calls)` connects, has `calls` make its calls by a function (database, command), and
// closes what it opened.
async function runLogins(use) {
  const lines = fs.readFileSync(process.env.OOCRPC_LOGINS, 'utf8').trimEnd().split('\n');
  const tryLogin = async (name, url) => {
    try {
      await use(url, async (call) => {
        assert.equal((await call('admin', { ping: 1 })).ok, 1);
        assert.equal((await call('demo', { add: [2, 3] })).reply, 5);
      });
      tell(`login ${name} ok`);
    } catch (e) {
      tell(`login ${name} ${described(e)}`);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, async () => {
    while (lines.length) await tryLogin(...lines.shift().split('\t'));
  }));
}

module.exports = { runLogins };
