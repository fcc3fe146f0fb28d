// The cases of mongosh, on the objects that its scripts have. A module, since mongosh puts awaits of
// its own into scripts but not into modules: here its words return promises.
'use strict';
const assert = require('node:assert/strict');
const { urlWith, runCases, until, errorOf, restart, tap } = require('./support.js');
const { everyType } = require('./every_type.js');
const { runLogins } = require('./logins.js');

const MANY = 100;
const FOREVER_MS = 600000;
const BIG = 16 * 1024 * 1024 - 1024;
const numbers = (n) => Array.from({ length: n }, (_, i) => i);
// As map() would do it, which mongosh replaces by one that waits.
const many = (make) => Array.from({ length: MANY }, (_, i) => make(i));
const values = (documents) => documents.map((d) => d.reply);

// `shell` has db, connect and the constructors of BSON types.
function mongoshCases(shell, observer) {
  const { db, connect } = shell;
  const collection = (name) => db.getCollection(name);
  const call = (command) => db.runCommand(command);

  // A shell of its own for one case, as `connect()` at the prompt makes it.
  const withShell = async (use, url = urlWith('/demo')) => {
    const other = await connect(url);
    try {
      return await use(other);
    } finally {
      await other.getMongo().close();
    }
  };

  const stats = async () => {
    const { reply } = await observer.runCommand({ stats: 1 });
    return Object.fromEntries(Object.entries(reply).map(([k, v]) => [k, Number(v)]));
  };
  const inFlight = (n) =>
    until(`${n} calls in flight`, async () => (await stats()).in_flight === n + 1);
  const cancelledSince = (before, n) =>
    until(`${n} cancelled`, async () => (await stats()).cancelled >= before.cancelled + n);

  const fails = async (promise, code, codeName, text) => {
    const e = await errorOf(promise);
    assert.equal(e.code, code, `${e.code} instead of ${code}: ${e.message}`);
    assert.equal(e.codeName, codeName);
    assert.match(e.message, text);
  };

  return {
    async connect_and_close() {
      const before = await stats();
      await withShell(async (other) => {
        assert.equal((await other.runCommand({ ping: 1 })).ok, 1);
        assert.ok((await stats()).connections > before.connections);
      });
      await until('the connections closed',
        async () => (await stats()).connections <= before.connections);
      assert.equal((await stats()).cancelled, before.cancelled);
    },

    async call_positional() {
      assert.deepEqual({ ...await call({ add: [2, 3] }) }, { reply: 5, ok: 1 });
      assert.equal((await call({ add: [0.5, 1] })).reply, 1.5);
    },

    async call_named_document() {
      assert.equal((await call({ add: { b: 3, a: 2 } })).reply, 5);
    },

    async call_named_keys() {
      for (const value of [1, true, null]) assert.equal((await call({ add: value, a: 2, b: 3 })).reply, 5);
      assert.equal((await call({ add: 1, a: 2, b: 3, maxTimeMS: 60000 })).reply, 5);
    },

    async call_without_arguments() {
      assert.equal((await call({ noreply: 1 })).reply, null);
      assert.equal((await call('whoami')).reply.protocol, 'mongodb');
      assert.equal((await db.adminCommand({ ping: 1 })).ok, 1);
    },

    async echo_every_type() {
      const document = everyType(shell);
      const wire = await tap(urlWith('/demo'));
      try {
        await withShell(async (other) => {
          const { reply } = await other.runCommand({ echo: [document] });
          assert.deepEqual(Object.keys(reply), Object.keys(document));
        }, wire.url);
        // what was sent of the document is what has to come back
        const begin = Buffer.from('\x01double\0');
        const sent = wire.sent().map((m) => m.bytes).find((b) => b.includes(begin));
        const at = sent.indexOf(begin) - 4;
        const bytes = sent.subarray(at, at + sent.readInt32LE(at));
        assert.ok(bytes.length > 800 && bytes.includes(Buffer.from('max_key\0')));
        assert.ok(wire.received().some((m) => m.bytes.includes(bytes)), 'other bytes came back');
      } finally {
        wire.close();
      }
    },

    async error_with_code_and_chinese_text() {
      const detail = '数据库错误：余额不足 \u{1F4B8}';
      const e = await errorOf(call({ fail: ['余额不足', detail] }));
      assert.equal(e.code, 8000);
      assert.equal(e.codeName, 'OocrpcApplicationError');
      assert.equal(e.message, detail);
      assert.deepEqual({ ...e.errorResponse.oocrpc }, { message: '余额不足', detail });
    },

    async unknown_method() {
      await fails(call({ nonsense: [1] }), 59, 'CommandNotFound', /nonsense/);
      assert.equal((await call({ add: [1, 2] })).reply, 3);
    },

    async wrong_argument() {
      await fails(call({ add: ['2', 3] }), 9, 'FailedToParse', /^a: expected int or double, got string/);
      await fails(call({ add: [2] }), 9, 'FailedToParse', /^b: missing/);
    },

    async find_one() {
      assert.deepEqual({ ...await collection('add').findOne({ a: 1, b: 2 }) }, { reply: 3 });
      assert.equal((await collection('whoami').findOne()).protocol, 'mongodb');
    },

    async find_batches() {
      const found = await (await collection('count').find({ n: 250 })).batchSize(50).toArray();
      assert.deepEqual(values(found), numbers(250));
      const cursor = (await collection('count').find({ n: 30 })).batchSize(7);
      const one_by_one = [];
      while (await cursor.hasNext()) one_by_one.push(await cursor.next());
      assert.deepEqual(values(one_by_one), numbers(30));
    },

    async find_limit() {
      const found = await (await collection('count').find({ n: 1000000 })).limit(7).toArray();
      assert.deepEqual(values(found), numbers(7));
      const skipped = await (await collection('count').find({ n: 10 })).skip(8).toArray();
      assert.deepEqual(values(skipped), [8, 9]);
      await inFlight(0);
    },

    async early_cursor_close() {
      const before = await stats();
      const cursor = (await collection('count_slow').find({ n: 1000000, ms: 1 })).batchSize(2);
      assert.deepEqual(values([await cursor.next(), await cursor.next()]), [0, 1]);
      await inFlight(1);
      await cursor.close();
      await inFlight(0);
      await cancelledSince(before, 1);
    },

    async run_cursor_command() {
      const cursor = await db._runCursorCommand({ count: [250] });
      assert.deepEqual(values(await cursor.toArray()), numbers(250));
    },

    async aggregate_match() {
      const sum = await (await collection('add').aggregate([{ $match: { a: 1, b: 2 } }])).toArray();
      assert.deepEqual(values(sum), [3]);
      const items = await (await collection('count').aggregate([{ $match: { n: 120 } }])).toArray();
      assert.deepEqual(values(items), numbers(120));
    },

    async aggregate_other_stage_refused() {
      const stages = [{ $match: { n: 3 } }, { $group: { _id: 1 } }];
      const e = await errorOf((async () =>
        (await collection('count').aggregate(stages)).toArray())());
      assert.match(e.message, /\$group/);
    },

    async insert_acknowledged() {
      const before = await stats();
      const one = await collection('add').insertOne({ a: 1, b: 2 });
      assert.equal(one.acknowledged, true);
      const two = await collection('add').insertMany([{ a: 1, b: 2 }, { a: 3, b: 4 }]);
      assert.equal(Object.keys(two.insertedIds).length, 2);
      assert.ok((await stats()).finished >= before.finished + 3);
    },

    async insert_unacknowledged() {
      const before = await stats();
      for (const i of numbers(10)) {
        const writes = collection(i % 2 ? 'fail' : 'add');
        const document = i % 2 ? { message: 'unheard' } : { a: i, b: 1 };
        const done = await writes.insertOne(document, { writeConcern: { w: 0 } });
        assert.equal(done.acknowledged, false);
        assert.equal((await call({ add: [i, 1000] })).reply, i + 1000);
      }
      await until('10 more calls', async () => {
        const after = await stats();
        return after.finished >= before.finished + 15 && after.failed >= before.failed + 5;
      });
    },

    async write_errors() {
      const documents = [{ a: 1, b: 2 }, { a: 'x', b: 1 }, { a: 3, b: 4 }];
      const e = await errorOf(collection('add').insertMany(documents, { ordered: false }));
      assert.equal(e.result.insertedCount, 2);
      assert.equal(e.writeErrors.length, 1);
      assert.equal(e.writeErrors[0].index, 1);
      assert.match(e.message, /^a: expected int or double, got string/);
    },

    async deadline() {
      await fails(call({ sleep_ms: [FOREVER_MS], maxTimeMS: 50 }), 50, 'MaxTimeMSExpired', /./);
      const find = (await collection('sleep_ms').find({ ms: FOREVER_MS })).maxTimeMS(50);
      await fails(find.toArray(), 50, 'MaxTimeMSExpired', /./);
      await inFlight(0);
    },

    async cancel_by_closing() {
      const before = await stats();
      const other = await connect(urlWith('/demo'));
      const ended = errorOf(other.runCommand({ sleep_ms: [FOREVER_MS] }));
      await inFlight(1);
      await other.getMongo().close(true);
      await inFlight(0);
      await cancelledSince(before, 1);
      await ended;
    },

    async big_argument_and_reply() {
      const bytes = Buffer.alloc(BIG, 'oocrpc');
      const { reply } = await call({ echo: [new shell.Binary(bytes)] });
      assert.ok(bytes.equals(reply.buffer), 'other bytes came back');
      assert.equal((await call({ big: [BIG] })).reply.length, BIG);
      await fails(call({ big: [20000000] }), 10334, 'BSONObjectTooLarge', /./);
    },

    async hundred_concurrent() {
      const answers = await Promise.all(many((i) => call({ add: [i, 1] })));
      assert.deepEqual(values(answers), many((i) => i + 1));
      const before = await stats();
      const wire = await tap(urlWith('/demo'));
      try {
        await withShell(async (other) => {
          const all = Promise.allSettled(
            many((i) => other.runCommand({ sleep_ms: [FOREVER_MS + i] })));
          await inFlight(MANY);
          wire.close();
          await inFlight(0);
          await cancelledSince(before, MANY);
          await all;
        }, wire.url);
      } finally {
        wire.close();
      }
    },

    async compression() {
      const text = 'compressible, compressible, '.repeat(1000);
      const wire = await tap(urlWith('/demo', { compressors: 'zlib' }));
      await withShell(async (other) => {
        assert.equal((await other.runCommand({ echo: [text] })).reply, text);
      }, wire.url);
      for (const messages of [wire.sent(), wire.received()]) {
        assert.ok(messages.some((m) => m.opcode === 2012 && m.compressor === 2));
        assert.ok(messages.every((m) => m.bytes.length < text.length));
      }
      wire.close();
    },

    async reconnect_after_restart() {
      for (const how of ['', 'KILL']) {
        const lost = errorOf(call({ sleep_ms: [FOREVER_MS] }));
        await inFlight(1);
        await restart(how);
        await lost;
        await until('a call after the restart', async () => {
          const answer = await call({ add: [1, 2] }).catch(() => null);
          return answer?.reply === 3;
        });
        await until('the counters after the restart',
          async () => (await stats().catch(() => null))?.in_flight === 1);
      }
    },

    async old_rpc_mapping() {
      const rpc = db.getSiblingDB('backend').getCollection('rpc');
      const ask = async (funcname, args, named) =>
        ({ ...await rpc.findOne({ funcname, argstr: [args, named] }) });
      assert.deepEqual(await ask('demo.add', [1, 2], {}), { $result: 3 });
      assert.deepEqual(await ask('add', [1], { b: 2 }), { $result: 3 });
      assert.deepEqual((await ask('fail', ['mine', '错误'], {})).$error,
        { message: 'mine', detail: '错误' });
    },

    async current_op_and_kill_op() {
      const before = await stats();
      const ended = errorOf(call({ sleep_ms: [FOREVER_MS] }));
      const operation = await until('the call in currentOp', async () => {
        const { inprog } = await db.adminCommand({ currentOp: 1 });
        return inprog.find((o) => JSON.stringify(o).includes('sleep_ms'));
      });
      assert.equal((await db.killOp(operation.opid)).ok, 1);
      const e = await ended;
      assert.equal(e.code, 11601);
      await inFlight(0);
      await cancelledSince(before, 1);
    },

    async list_databases_and_collections() {
      assert.ok((await db.getMongo().getDBNames()).includes('demo'));
      const names = await db.getCollectionNames();
      for (const name of ['add', 'echo', 'count', 'stats']) assert.ok(names.includes(name), name);
      assert.equal((await db.version()).split('.').length, 3);
    },
  };
}

async function main(shell, more) {
  if (process.env.OOCRPC_LOGINS) return runLogins(async (url, calls) => {
    const db = await shell.connect(url);
    try {
      await calls((database, command) => db.getSiblingDB(database).runCommand(command));
    } finally {
      await db.getMongo().close();
    }
  });
  const observer = await shell.connect(urlWith('/demo', { maxPoolSize: 1 }));
  await runCases({ ...mongoshCases(shell, observer), ...more });
  await observer.getMongo().close();
}

module.exports = { main };
