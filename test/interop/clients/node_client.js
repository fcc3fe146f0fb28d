// MongoDB's driver for node; the argument is its package: mongodb7 or mongodb4.
'use strict';
const { URL_OF_SERVER, packages, runCases } = require('./support.js');
const { driverCases } = require('./driver_cases.js');
const { runLogins } = require('./logins.js');

async function main(name) {
  const driver = packages(name);
  const connect = (url, options) => new driver.MongoClient(url, options).connect();
  if (process.env.OOCRPC_LOGINS) return runLogins(async (url, calls) => {
    const client = new driver.MongoClient(url);
    try {
      await client.connect();
      await calls((database, command) => client.db(database).command(command));
    } finally {
      await client.close();
    }
  });
  const main = await connect(URL_OF_SERVER);
  const observer = await connect(URL_OF_SERVER, { maxPoolSize: 1 });
  await runCases(driverCases(driver, connect, main, observer));
  await main.close();
  await observer.close();
}

main(process.argv[2]);
