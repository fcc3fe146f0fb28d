// Mongoose: models whose collections are methods. What a model cannot do is done on the driver
// that mongoose holds, over connections that mongoose made.
'use strict';
const assert = require('node:assert/strict');
const { URL_OF_SERVER, packages, runCases, until, errorOf } = require('./support.js');
const { driverCases } = require('./driver_cases.js');
const { runLogins } = require('./logins.js');

const mongoose = packages('mongoose');
const numbers = (n) => Array.from({ length: n }, (_, i) => i);
const values = (documents) => documents.map((d) => d.get('reply'));

// A model of a method: its arguments are the fields, and what comes back has `reply`.
const modelOf = (connection, method) =>
  connection.model(method, new mongoose.Schema({}, { strict: false, versionKey: false }), method);

async function connectionTo(url, options) {
  return mongoose.createConnection(url, { dbName: 'demo', ...options }).asPromise();
}

async function modelCases(connection, counters) {
  const models =
    ['add', 'count', 'count_slow', 'fail', 'sleep_ms', 'whoami'].map((m) => modelOf(connection, m));
  await Promise.allSettled(models.map((m) => m.init())); // tries to create the collection
  const [Add, Count, CountSlow, Fail, SleepMs, Whoami] = models;

  return {
    async connect_and_close() {
      const before = await counters();
      const other = await connectionTo(URL_OF_SERVER);
      assert.equal(other.readyState, 1);
      assert.equal((await other.db.admin().ping()).ok, 1);
      assert.ok((await counters()).connections > before.connections);
      await other.close();
      await until('the connections closed',
        async () => (await counters()).connections <= before.connections);
      assert.equal((await counters()).cancelled, before.cancelled);
    },

    async find_one() {
      assert.equal((await Add.findOne({ a: 1, b: 2 })).get('reply'), 3);
      assert.deepEqual(await Add.findOne({ a: 1, b: 2 }).lean(), { reply: 3 });
      assert.equal((await Whoami.findOne()).get('protocol'), 'mongodb');
    },

    async find_batches() {
      assert.deepEqual(values(await Count.find({ n: 250 }).batchSize(50)), numbers(250));
      const found = [];
      for await (const d of Count.find({ n: 250 }).cursor({ batchSize: 50 })) found.push(d);
      assert.deepEqual(values(found), numbers(250));
    },

    async find_limit() {
      assert.deepEqual(values(await Count.find({ n: 1000000 }).limit(7)), numbers(7));
      assert.deepEqual(values(await Count.find({ n: 10 }).skip(8)), [8, 9]);
      await until('no call in flight', async () => (await counters()).in_flight === 1);
    },

    async early_cursor_close() {
      const before = await counters();
      const cursor = CountSlow.find({ n: 1000000, ms: 1 }).cursor({ batchSize: 2 });
      const first = [await cursor.next(), await cursor.next(), await cursor.next()];
      assert.deepEqual(values(first), [0, 1, 2]);
      await cursor.close();
      const after = await until('the call cancelled', async () => {
        const now = await counters();
        return now.cancelled > before.cancelled && now;
      });
      assert.equal(after.in_flight, 1);
    },

    async aggregate_match() {
      assert.deepEqual(await Add.aggregate([{ $match: { a: 1, b: 2 } }]), [{ reply: 3 }]);
      const items = await Count.aggregate([{ $match: { n: 120 } }]);
      assert.deepEqual(items.map((d) => d.reply), numbers(120));
    },

    async aggregate_other_stage_refused() {
      const e = await errorOf(Count.aggregate([{ $match: { n: 3 } }, { $group: { _id: 1 } }]));
      assert.match(e.message, /\$group/);
      assert.equal(typeof e.code, 'number');
    },

    async insert_acknowledged() {
      const before = await counters();
      const created = await Add.create({ a: 1, b: 2 });
      assert.equal(created.isNew, false);
      assert.equal((await Add.insertMany([{ a: 1, b: 2 }, { a: 3, b: 4 }])).length, 2);
      assert.ok((await counters()).finished >= before.finished + 3);
    },

    async insert_unacknowledged() {
      const before = await counters();
      const unheard = { writeConcern: { w: 0 } };
      for (const i of numbers(10)) {
        await Add.create([{ a: i, b: 1 }], unheard);
        await Fail.create([{ message: 'unheard' }], unheard);
        assert.equal((await Add.findOne({ a: i, b: 1000 })).get('reply'), i + 1000);
      }
      await until('20 more calls', async () => {
        const now = await counters();
        return now.finished >= before.finished + 20 && now.failed >= before.failed + 10;
      });
    },

    async write_errors() {
      const documents = [{ a: 1, b: 2 }, { a: 'x', b: 1 }, { a: 3, b: 4 }];
      const e = await errorOf(Add.insertMany(documents, { ordered: false }));
      assert.equal(e.writeErrors.length, 1);
      assert.equal(e.writeErrors[0].code, 9);
      assert.equal(e.insertedDocs.length, 2);
      const strict = await errorOf(Add.insertMany(documents));
      assert.equal(strict.insertedDocs.length, 1);
      assert.equal((await errorOf(Fail.create({ message: 'mine', detail: '错误' }))).errmsg, '错误');
    },

    async deadline() {
      const e = await errorOf(SleepMs.findOne({ ms: 600000 }).maxTimeMS(50));
      assert.equal(e.code, 50);
      await until('no call in flight', async () => (await counters()).in_flight === 1);
    },

    async list_databases_and_collections() {
      const { databases } = await connection.listDatabases();
      assert.ok(databases.some((d) => d.name === 'demo'));
      const names = (await connection.listCollections()).map((c) => c.name);
      for (const name of ['add', 'echo', 'count', 'stats']) assert.ok(names.includes(name), name);
    },
  };
}

async function tryLogin(url, calls) {
  const connection = mongoose.createConnection();
  try {
    await connection.openUri(url);
    await calls((database, command) => connection.useDb(database).db.command(command));
  } finally {
    await connection.close();
  }
}

async function main() {
  if (process.env.OOCRPC_LOGINS) return runLogins(tryLogin);
  const connection = await connectionTo(URL_OF_SERVER);
  const observer = await connectionTo(URL_OF_SERVER, { maxPoolSize: 1 });
  const counters = async () => {
    const { reply } = await observer.db.command({ stats: 1 });
    return Object.fromEntries(Object.entries(reply).map(([k, v]) => [k, Number(v)]));
  };
  const connect = async (url, options) => (await connectionTo(url, options)).getClient();
  await runCases({
    ...driverCases(mongoose.mongo, connect, connection.getClient(), observer.getClient()),
    ...await modelCases(connection, counters),
  });
  await mongoose.disconnect();
}

main();
