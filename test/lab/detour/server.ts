/** Real servers behind a wall, for connections that only a helper understands. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from '../daemon/bench.js';

export const HERE = import.meta.dirname;
/** Of the file that the FTP server has. */
export const BYTES = 300_000;

/** Starts vsftpd in the server's namespace, for anybody. */
export async function serveFtp(bench: Bench): Promise<void> {
  const { directory } = bench.lab;
  const root = join(directory, 'ftp');
  mkdirSync(join(root, 'empty'), { recursive: true });
  writeFileSync(join(root, 'file'), Buffer.alloc(BYTES, 'x'));
  const lines = [
    ...['listen=NO', 'listen_ipv6=YES', 'background=NO', 'seccomp_sandbox=NO'],
    ...['anonymous_enable=YES', 'local_enable=NO', 'no_anon_password=YES'],
    ...['run_as_launching_user=YES', 'ftp_username=nobody', `anon_root=${root}`],
    `secure_chroot_dir=${join(root, 'empty')}`,
  ];
  bench.server.spawn(['vsftpd', bench.lab.file('vsftpd.conf', `${lines.join('\n')}\n`)], {
    stdio: 'ignore',
  });
  await waitFor(async () => {
    const { stdout } = await bench.server.run(['ss', '-Hltn', 'sport', '=', ':21']);
    return stdout !== '';
  });
}

/** What a script of this directory printed, run by the client. */
export async function asked(bench: Bench, script: string, ...args: string[]): Promise<string> {
  const words = ['python3', join(HERE, script), ...args];
  const { stdout, stderr } = await bench.client.run(words, { timeoutMs: 30_000 });
  return stdout.trim() || stderr.trim();
}

/** Runs a script of this directory until it says that it is ready; what it says after that. */
export async function running(
  where: Bench['wall'],
  script: string,
  ...args: string[]
): Promise<{ lines: string[]; end: () => Promise<void> }> {
  const child = where.spawn(['python3', join(HERE, script), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  let rest = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop()!;
    lines.push(...parts);
  });
  await waitFor(async () => lines.shift() === 'ready');
  const end = () =>
    new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.kill();
    });
  return { lines, end };
}

/** Asks until it holds; the runner's own time limit ends the waiting. */
export async function waitFor(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}
