/** What takes too long for every change: `npm run nightly` runs it. Every test gets all configurations. */
export default {
  files: ["dist/properties/**/*.test.js"],
  environmentVariables: { GENPT_WHOLE: "1" },
  workerThreads: false,
  concurrency: 2,
  timeout: "10m",
};
