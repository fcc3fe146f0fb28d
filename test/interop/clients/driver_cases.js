// The cases of MongoDB's driver for node, as functions by name; mongoose replaces some of them.
'use strict';
const assert = require('node:assert/strict');
const { URL_OF_SERVER, Skip, until, errorOf, restart, tap } = require('./support.js');
const { everyType } = require('./every_type.js');

const MANY = 100;
const FOREVER_MS = 600000;
const BIG = 16 * 1024 * 1024 - 1024;
const numbers = (n) => Array.from({ length: n }, (_, i) => i);
const values = (documents) => documents.map((d) => d.reply);

// `driver` is the module and `connect(url, options)` makes a client that is connected. `main` and
// `observer` are such clients; the second one's single socket is for the server's counters.
function driverCases(driver, connect, main, observer) {
  const db = main.db('demo');
  const admin = main.db('admin');
  const call = (command, options) => db.command(command, options);
  const old = !db.runCursorCommand; // version 4

  const stats = async () => {
    const { reply } = await observer.db('demo').command({ stats: 1 });
    return Object.fromEntries(Object.entries(reply).map(([k, v]) => [k, Number(v)]));
  };
  // The call of stats itself is in flight.
  const inFlight = (n) =>
    until(`${n} calls in flight`, async () => (await stats()).in_flight === n + 1);
  const cancelledSince = (before, n) =>
    until(`${n} cancelled`, async () => (await stats()).cancelled >= before.cancelled + n);

  // A client of its own for one case.
  const withClient = async (options, use, url = URL_OF_SERVER) => {
    const client = await connect(url, options);
    try {
      return await use(client);
    } finally {
      await client.close();
    }
  };

  // What the client sends meanwhile, by the names of the commands.
  const commandsOf = async (use) =>
    withClient({ monitorCommands: true }, async (client) => {
      const names = [];
      client.on('commandStarted', (e) => names.push(e.commandName));
      await use(client.db('demo'));
      return names;
    });
  const times = (names, name) => names.filter((n) => n === name).length;

  const fails = async (promise, code, codeName, text) => {
    const e = await errorOf(promise);
    assert.equal(e.code, code, `${e.code} instead of ${code}: ${e.message}`);
    assert.equal(e.codeName, codeName);
    assert.match(e.message, text);
    return e;
  };

  return {
    async connect_and_close() {
      const before = await stats();
      await withClient({}, async (client) => {
        assert.equal((await client.db('admin').command({ ping: 1 })).ok, 1);
        assert.ok((await stats()).connections > before.connections);
      });
      await until('the connections closed',
        async () => (await stats()).connections <= before.connections);
      const after = await stats();
      assert.equal(after.cancelled, before.cancelled);
      assert.equal(after.failed, before.failed);
    },

    async call_positional() {
      assert.deepEqual(await call({ add: [2, 3] }), { reply: 5, ok: 1 });
      assert.deepEqual(await call({ add: [2 ** 31 - 1, 1] }), { reply: 2 ** 31, ok: 1 });
      assert.deepEqual(await call({ add: [0.5, 1] }), { reply: 1.5, ok: 1 });
    },

    async call_named_document() {
      assert.deepEqual(await call({ add: { b: 3, a: 2 } }), { reply: 5, ok: 1 });
    },

    async call_named_keys() {
      for (const value of [1, true, null, new driver.Double(1), driver.Long.fromInt(1)])
        assert.equal((await call({ add: value, a: 2, b: 3 })).reply, 5, String(value));
      const generic = { maxTimeMS: 60000, comment: 'no argument' };
      assert.equal((await call({ add: 1, a: 2, b: 3, ...generic })).reply, 5);
      const options = { readPreference: 'primaryPreferred' };
      assert.equal((await call({ add: 1, a: 2, b: 3 }, options)).reply, 5);
    },

    async call_without_arguments() {
      assert.deepEqual(await call({ noreply: 1 }), { reply: null, ok: 1 });
      assert.deepEqual(await call({ noreply: [] }), { reply: null, ok: 1 });
      assert.equal((await call({ whoami: 1 })).reply.protocol, 'mongodb');
    },

    async echo_every_type() {
      const document = everyType(driver.BSON ?? driver);
      const bytes = Buffer.from((driver.BSON ?? driver.__bson).serialize(document));
      const wire = await tap();
      try {
        await withClient({}, async (client) => {
          const { reply } = await client.db('demo').command({ echo: [document] });
          assert.deepEqual(Object.keys(reply), Object.keys(document));
        }, wire.url);
        assert.ok(wire.sent().some((m) => m.bytes.includes(bytes)), 'not sent as these bytes');
        assert.ok(wire.received().some((m) => m.bytes.includes(bytes)), 'other bytes came back');
      } finally {
        wire.close();
      }
    },

    async error_with_code_and_chinese_text() {
      const detail = '数据库错误：余额不足 \u{1F4B8}';
      const e = await fails(call({ fail: ['余额不足', detail] }), 8000, 'OocrpcApplicationError', /^/);
      assert.ok(e instanceof driver.MongoServerError);
      assert.equal(e.message, detail);
      const whole = e.errorResponse ?? e;
      assert.deepEqual(whole.oocrpc, { message: '余额不足', detail });
      await fails(call({ fail: ['unauthenticated', 'who?'] }), 18, 'AuthenticationFailed', /^who\?$/);
      const hidden = await errorOf(call({ fail: ['x', 'not master'] }));
      assert.equal(hidden.code, 8000);
    },

    async unknown_method() {
      await fails(call({ nonsense: [1] }), 59, 'CommandNotFound', /nonsense/);
      await fails(call({ Add: [1, 2] }), 59, 'CommandNotFound', /Add/);
      await fails(main.db('nowhere').command({ nonsense: 1 }), 59, 'CommandNotFound', /nonsense/);
      assert.equal((await call({ add: [1, 2] })).reply, 3);
    },

    async wrong_argument() {
      await fails(call({ add: ['2', 3] }), 9, 'FailedToParse',
        /^a: expected int or double, got string/);
      await fails(call({ add: [2] }), 9, 'FailedToParse', /^b: missing/);
      await fails(call({ add: { a: 1, b: 2, c: 3 } }), 9, 'FailedToParse', /c/);
      assert.equal((await call({ add: [1, 2] })).reply, 3);
    },

    async find_one() {
      assert.deepEqual(await db.collection('add').findOne({ a: 1, b: 2 }), { reply: 3 });
      const me = await db.collection('whoami').findOne({});
      assert.equal(me.protocol, 'mongodb');
      const all = await db.collection('echo').find({ value: [{ x: 1 }, 2, 'c'] }).toArray();
      assert.deepEqual(all, [{ x: 1 }, { reply: 2 }, { reply: 'c' }]);
    },

    async find_batches() {
      const names = await commandsOf(async (demo) => {
        const found = await demo.collection('count').find({ n: 250 }, { batchSize: 50 }).toArray();
        assert.deepEqual(values(found), numbers(250));
      });
      assert.equal(times(names, 'find'), 1);
      assert.ok(times(names, 'getMore') >= 4, `${times(names, 'getMore')} getMore`);
    },

    async find_limit() {
      const count = db.collection('count');
      const names = await commandsOf(async (demo) => {
        const found = await demo.collection('count').find({ n: 1000000 }).limit(7).toArray();
        assert.deepEqual(values(found), numbers(7));
      });
      assert.equal(times(names, 'getMore'), 0);
      const over = await count.find({ n: 1000000 }, { batchSize: 50, limit: 120 }).toArray();
      assert.deepEqual(values(over), numbers(120));
      const skipped = await count.find({ n: 10 }).skip(8).toArray();
      assert.deepEqual(values(skipped), [8, 9]);
      await inFlight(0);
    },

    async early_cursor_close() {
      const before = await stats();
      const cursor = db.collection('count_slow').find({ n: 1000000, ms: 1 }, { batchSize: 2 });
      const first = [await cursor.next(), await cursor.next(), await cursor.next()];
      assert.deepEqual(values(first), [0, 1, 2]);
      await inFlight(1);
      await cursor.close();
      await inFlight(0);
      await cancelledSince(before, 1);
    },

    async run_cursor_command() {
      if (old) throw new Skip('this driver has no runCursorCommand');
      const cursor = db.runCursorCommand({ count: [250] }).setBatchSize(60);
      assert.deepEqual(values(await cursor.toArray()), numbers(250));
    },

    async aggregate_match() {
      const sum = await db.collection('add').aggregate([{ $match: { a: 1, b: 2 } }]).toArray();
      assert.deepEqual(sum, [{ reply: 3 }]);
      const stages = [{ $match: { n: 120 } }];
      const items = await db.collection('count').aggregate(stages, { batchSize: 50 }).toArray();
      assert.deepEqual(values(items), numbers(120));
    },

    async aggregate_other_stage_refused() {
      const stages = [{ $match: { n: 3 } }, { $group: { _id: 1 } }];
      const e = await errorOf(db.collection('count').aggregate(stages).toArray());
      assert.match(e.message, /\$group/);
      assert.equal(typeof e.code, 'number');
      await inFlight(0);
    },

    async insert_acknowledged() {
      const before = await stats();
      const one = await db.collection('add').insertOne({ a: 1, b: 2 });
      assert.equal(one.acknowledged, true);
      const three = await db.collection('add').insertMany(
        [{ a: 1, b: 2 }, { a: 3, b: 4 }, { a: 5, b: 6 }]);
      assert.equal(three.insertedCount, 3);
      const after = await stats();
      assert.ok(after.finished >= before.finished + 4, JSON.stringify({ before, after }));
    },

    async insert_unacknowledged() {
      await withClient({ maxPoolSize: 1 }, async (client) => {
        const before = await stats();
        const demo = client.db('demo');
        const write = (name, document) =>
          demo.collection(name).insertOne(document, { writeConcern: { w: 0 } });
        for (const i of numbers(20)) {
          const done = write(...i % 2 ? ['fail', { message: 'unheard' }] : ['add', { a: i, b: 1 }]);
          // version 4 does not set moreToCome, so it hears what went wrong
          if (old && i % 2) assert.equal((await errorOf(done)).code, 8000);
          else assert.equal((await done).acknowledged, false);
          assert.equal((await demo.command({ add: [i, 1000] })).reply, i + 1000);
        }
        await until('20 more calls', async () => {
          const after = await stats();
          return after.finished >= before.finished + 30 && after.failed >= before.failed + 10;
        });
      });
    },

    async write_errors() {
      const documents = [{ a: 1, b: 2 }, { a: 'x', b: 1 }, { a: 3, b: 4 }];
      const copies = () => documents.map((d) => ({ ...d }));
      const add = db.collection('add');
      const loose = await errorOf(add.insertMany(copies(), { ordered: false }));
      assert.equal(loose.result.insertedCount ?? loose.insertedCount, 2);
      assert.equal(loose.writeErrors.length, 1);
      assert.equal(loose.writeErrors[0].index, 1);
      assert.equal(loose.writeErrors[0].code, 9);
      assert.match(loose.writeErrors[0].errmsg, /^a: expected int or double, got string/);
      const strict = await errorOf(add.insertMany(copies()));
      assert.equal(strict.result.insertedCount ?? strict.insertedCount, 1);
      assert.equal(strict.writeErrors[0]?.index ?? strict.writeErrors.index, 1);
    },

    async deadline() {
      const before = await stats();
      await fails(call({ sleep_ms: [FOREVER_MS], maxTimeMS: 50 }), 50, 'MaxTimeMSExpired', /./);
      await fails(db.collection('sleep_ms').findOne({ ms: FOREVER_MS }, { maxTimeMS: 50 }),
        50, 'MaxTimeMSExpired', /./);
      await inFlight(0);
      await cancelledSince(before, 2);
    },

    async cancel_by_closing() {
      const before = await stats();
      // close() of version 4 leaves sockets in use open, a timeout does not
      await withClient(old ? { socketTimeoutMS: 500 } : {}, async (client) => {
        const ended = errorOf(client.db('demo').command({ sleep_ms: [FOREVER_MS] }));
        if (!old) {
          await inFlight(1);
          await client.close(true);
        }
        await ended;
      });
      await cancelledSince(before, 1);
      await inFlight(0);
    },

    async cancel_by_signal() {
      if (old) throw new Skip('this driver knows no AbortSignal');
      const before = await stats();
      const abort = new AbortController();
      const ended = errorOf(call({ sleep_ms: [FOREVER_MS] }, { signal: abort.signal }));
      await inFlight(1);
      abort.abort();
      assert.equal((await ended).name, 'AbortError');
      await inFlight(0);
      await cancelledSince(before, 1);
    },

    async big_argument_and_reply() {
      const bytes = Buffer.alloc(BIG, 'oocrpc');
      const { reply } = await call({ echo: [new driver.Binary(bytes)] });
      assert.ok(bytes.equals(reply.buffer), 'other bytes came back');
      const letters = (await call({ big: [BIG] })).reply;
      assert.equal(letters.length, BIG);
      assert.ok(/^x*$/.test(letters));
      await fails(call({ big: [20000000] }), 10334, 'BSONObjectTooLarge', /./);
      assert.equal((await call({ add: [1, 2] })).reply, 3);
    },

    async hundred_concurrent() {
      const answers = await Promise.all(numbers(MANY).map((i) => call({ add: [i, 1] })));
      assert.deepEqual(values(answers), numbers(MANY).map((i) => i + 1));
      const before = await stats();
      const wire = await tap();
      try {
        await withClient({}, async (client) => {
          const all = Promise.allSettled(
            numbers(MANY).map((i) => client.db('demo').command({ sleep_ms: [FOREVER_MS + i] })));
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
      for (const [name, id] of [['zlib', 2], ['snappy', 1], ['zstd', 3]]) {
        const wire = await tap();
        try {
          await withClient({ compressors: [name] }, async (client) => {
            const { reply } = await client.db('demo').command({ echo: [text] });
            assert.equal(reply, text);
            const found = await client.db('demo').collection('count').find({ n: 250 }).toArray();
            assert.deepEqual(values(found), numbers(250));
          }, wire.url);
          for (const messages of [wire.sent(), wire.received()]) {
            const compressed = messages.filter((m) => m.opcode === 2012);
            assert.ok(compressed.length >= 3, `${name}: ${compressed.length} compressed`);
            assert.ok(compressed.every((m) => m.compressor === id), name);
            assert.ok(messages.every((m) => m.bytes.length < text.length), name);
          }
        } finally {
          wire.close();
        }
      }
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
      const rpc = main.db('backend').collection('rpc');
      const ask = (funcname, args, named) => rpc.findOne({ funcname, argstr: [args, named] });
      assert.deepEqual(await ask('demo.add', [1, 2], {}), { $result: 3 });
      assert.deepEqual(await ask('add', [1], { b: 2 }), { $result: 3 });
      assert.deepEqual(await ask('fail', ['mine', '错误'], {}),
        { $error: { message: 'mine', detail: '错误' } });
      assert.equal((await ask('nonsense', [], {})).$error.message, 'no_such_method');
    },

    async current_op_and_kill_op() {
      const before = await stats();
      const ended = errorOf(call({ sleep_ms: [FOREVER_MS] }));
      const operation = await until('the call in currentOp', async () => {
        const { inprog } = await admin.command({ currentOp: 1 });
        return inprog.find((o) => JSON.stringify(o).includes('sleep_ms'));
      });
      assert.equal((await admin.command({ killOp: 1, op: operation.opid })).ok, 1);
      const e = await ended;
      assert.equal(e.code, 11601);
      assert.equal(e.codeName, 'Interrupted');
      await inFlight(0);
      await cancelledSince(before, 1);
    },

    async list_databases_and_collections() {
      const { databases } = await admin.admin().listDatabases();
      assert.ok(databases.some((d) => d.name === 'demo'), JSON.stringify(databases));
      const collections = await db.listCollections().toArray();
      const names = collections.map((c) => c.name);
      for (const name of ['add', 'echo', 'count', 'stats']) assert.ok(names.includes(name), name);
    },

    async explicit_session() {
      const session = main.startSession();
      assert.equal((await call({ add: [1, 2] }, { session })).reply, 3);
      const found = await db.collection('count')
        .find({ n: 250 }, { session, batchSize: 100 }).toArray();
      assert.deepEqual(values(found), numbers(250));
      await session.endSession();
    },

    async stable_api() {
      await withClient({ serverApi: '1' }, async (client) => {
        assert.equal((await client.db('demo').command({ add: 1, a: 1, b: 2 })).reply, 3);
        assert.deepEqual(await client.db('demo').collection('add').findOne({ a: 1, b: 2 }),
          { reply: 3 });
      });
    },

    async commands_of_the_server() {
      assert.equal((await admin.command({ buildInfo: 1 })).ok, 1);
      const hello = await admin.command({ hello: 1 });
      assert.equal(hello.maxWireVersion, 21);
      for (const absent of ['setName', 'hosts', 'topologyVersion']) assert.ok(!(absent in hello));
      await fails(db.command({ getMore: driver.Long.fromInt(4711), collection: 'count' }),
        43, 'CursorNotFound', /./);
    },
  };
}

module.exports = { driverCases };
