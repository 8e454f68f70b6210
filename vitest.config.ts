import { defineConfig } from 'vitest/config'

/** Folders whose tests leave nothing of the process changed (environment, flags, memory): they share its start. */
const SHARING = ['anomaly', 'cli', 'core', 'datasets', 'duplicates', 'http', 'indexes', 'query']
const shared = SHARING.map((folder) => `tests/${folder}/**/*.test.ts`)

// Tests run against dist/, which `npm test` builds first: worker threads and the command line
// are then the very files that ship.
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    server: { deps: { external: [/\/dist\//] } },
    projects: [
      { extends: true, test: { name: 'alone', include: ['tests/**/*.test.ts'], exclude: shared } },
      { extends: true, test: { name: 'shared', include: shared, isolate: false } },
    ],
  },
})
