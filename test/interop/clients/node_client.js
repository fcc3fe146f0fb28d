// MongoDB's driver for node; the argument is its package: mongodb7 or mongodb4.
'use strict';
const { URL_OF_SERVER, packages, runCases } = require('./support.js');
const { driverCases } = require('./driver_cases.js');

async function main(name) {
  const driver = packages(name);
  const connect = (url, options) => new driver.MongoClient(url, options).connect();
  const main = await connect(URL_OF_SERVER);
  const observer = await connect(URL_OF_SERVER, { maxPoolSize: 1 });
  await runCases(driverCases(driver, connect, main, observer));
  await main.close();
  await observer.close();
}

main(process.argv[2]);
