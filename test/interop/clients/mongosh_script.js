// What mongosh is started with, on the database `demo`. The cases here are written as at its
// prompt, without awaits; those of the module are given the objects of this script.
'use strict';
const assert = require('node:assert/strict');
const path = require('node:path');
const cases = require(path.join(process.env.OOCRPC_INTEROP, 'clients', 'mongosh_cases.js'));

const at_the_prompt = {
  prompt_call_and_find() {
    assert.equal(db.getName(), 'demo');
    assert.equal(db.runCommand({ add: [2, 3] }).reply, 5);
    assert.equal(db.add.findOne({ a: 1, b: 2 }).reply, 3);
    let sum = 0;
    db.getCollection('count').find({ n: 250 }).forEach((d) => { sum += d.reply; });
    assert.equal(sum, 250 * 249 / 2);
    assert.equal(db.getSiblingDB('demo').getCollection('add').aggregate(
      [{ $match: { a: 1, b: 2 } }]).toArray()[0].reply, 3);
  },

  prompt_error() {
    let caught;
    try {
      db.runCommand({ fail: ['余额不足', '数据库错误'] });
    } catch (e) {
      caught = e;
    }
    assert.equal(caught.name, 'MongoServerError');
    assert.equal(caught.code, 8000);
    assert.equal(caught.message, '数据库错误');
  },

  prompt_show() {
    assert.ok(show('dbs').value.some((d) => d.name === 'demo'));
    assert.ok(show('collections').value.some((c) => c.name === 'add'));
  },
};

cases.main({ db, connect, Binary, BSONRegExp, BSONSymbol, Code, Decimal128, Double, Int32, Long,
  MaxKey, MinKey, ObjectId, Timestamp }, at_the_prompt);
