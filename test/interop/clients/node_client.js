// MongoDB's driver for node; the argument is its package: mongodb7 or mongodb4.
'use strict';
const { URL_OF_SERVER, packages, runCases } = require('./support.js');
const { driverCases } = require('./driver_cases.js');

async function main(name) {
  const driver = packages(name);
  const main = await new driver.MongoClient(URL_OF_SERVER).connect();
  const observer = await new driver.MongoClient(URL_OF_SERVER, { maxPoolSize: 1 }).connect();
  await runCases(driverCases(driver, main, observer));
  await main.close();
  await observer.close();
}

main(process.argv[2]);
