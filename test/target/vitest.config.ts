import { defineConfig } from 'vitest/config';

/** Not part of `make test`: a guest takes both cores of a small machine. */
export default defineConfig({
  test: {
    include: ['test/target/**/*.target.ts'],
    fileParallelism: false,
    // Each test stands on the one before it.
    bail: 1,
    // An emulated machine is some twelve times slower.
    testTimeout: 330_000,
    hookTimeout: 330_000,
    reporters: ['verbose', './test/tally.ts'],
  },
});
