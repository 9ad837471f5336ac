/** What takes too long for every change: `npm run nightly` runs it. */
export default {
  files: ["dist/properties/**/*.long.test.js"],
  workerThreads: false,
  concurrency: 2,
  timeout: "10m",
};
