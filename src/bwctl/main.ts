/** `bwctl` as a process. */
import { run } from './cli.js';

// A reader that has seen enough (`bwctl states | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

run(process.argv.slice(2), process.env).then((status) => {
  process.exitCode = status;
});
