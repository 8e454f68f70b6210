import { defineConfig } from 'vitest/config'

// Tests run against dist/, which `npm test` builds first: worker threads and the command line
// are then the very files that ship.
export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    server: { deps: { external: [/\/dist\//] } },
  },
})
