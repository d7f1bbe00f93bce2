/**
 * The command line. What a command needs is imported when it runs, so that help and mistakes answer
 * at once.
 */
import { Command, CommanderError, Option } from 'commander';
import { packageVersion } from '../control/package.js';
import type { ApplyWords } from './commands/policy.js';
import type { LoadWords } from './commands/set-load.js';
import type { StatesWords } from './commands/states.js';
import { findSocket } from './node-socket.js';
import { Output } from './output.js';
import type { Session } from './session.js';

const FAILED = 1;

interface GlobalOptions {
  socket?: string;
  output: 'text' | 'json';
}

/**
 * Runs one command line.
 *
 * @param words the arguments, without interpreter and script
 * @returns exit status: 0 done, 1 error (told in one line on standard error), 2 differences
 */
export async function run(words: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  let exit = 0;
  const program = describe(env, async (options, work) => {
    exit = await withSession(options, env, work);
  });
  try {
    await program.parseAsync(words, { from: 'user' });
    return exit;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    process.stderr.write(`${await complaint(error)}\n`);
    return FAILED;
  }
}

/** Runs a command's work with a session of its own. */
type Run = (options: GlobalOptions, work: (session: Session) => Promise<number>) => Promise<void>;

async function withSession(
  options: GlobalOptions,
  env: NodeJS.ProcessEnv,
  work: (session: Session) => Promise<number>,
): Promise<number> {
  const socket = await findSocket(options.socket ?? env.BWCTL_SOCKET);
  const { NodeClient } = await import('../control/api/client.js');
  const node = new NodeClient(socket);
  try {
    return await work({
      node,
      out: new Output(process.stdout, options.output === 'json', env),
      env,
    });
  } finally {
    node.close();
  }
}

function describe(env: NodeJS.ProcessEnv, start: Run): Command {
  const program = new Command('bwctl')
    .description('Talks to a Bridgewall node.')
    .version(packageVersion())
    .option(
      '--socket <path>',
      'socket of the node (default: BWCTL_SOCKET, or the only one there is)',
    )
    .addOption(
      new Option('-o, --output <format>', 'what to print')
        .choices(['text', 'json'])
        .default('text'),
    )
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeErr: () => {} })
    .helpCommand(false)
    .exitOverride();
  const options = (): GlobalOptions => program.opts<GlobalOptions>();
  describePolicy(program, (work) => start(options(), work));
  describeHistory(program, (work) => start(options(), work));
  describeQuestions(program, (work) => start(options(), work));
  describeSets(program, (work) => start(options(), work));
  describePair(
    program,
    (work) => start(options(), work),
    (work) => work(new Output(process.stdout, options().output === 'json', env)),
  );
  return program;
}

type Start = (work: (session: Session) => Promise<number>) => Promise<void>;

function describePolicy(program: Command, start: Start): void {
  program
    .command('apply')
    .description('install a policy')
    .argument('<file>', 'the policy; - reads standard input')
    .option('-m, --message <why>', 'why, for the history')
    .option('--confirm <seconds>', 'go back after that time unless confirm comes')
    .option('--dry-run', 'install nothing; status 2 when it would change anything')
    .option('--if-generation <n>', 'refuse when another generation is installed')
    .action((file: string, words: ApplyWords) =>
      start(async (s) => (await import('./commands/policy.js')).apply(s, file, words)),
    );
  program
    .command('plan')
    .description('show what a policy would change; status 2 when it would change anything')
    .argument('<file>', 'the policy; - reads standard input')
    .action((file: string) =>
      start(async (s) => (await import('./commands/policy.js')).plan(s, file)),
    );
  program
    .command('confirm')
    .description('keep the policy that was applied with --confirm')
    .action(() => start(async (s) => (await import('./commands/policy.js')).confirm(s)));
  program
    .command('rollback')
    .description('install the policy of an earlier generation again')
    .argument('[generation]', 'its number (default: the one before)')
    .option('-m, --message <why>', 'why, for the history')
    .action((generation: string | undefined, { message = '' }: { message?: string }) =>
      start(async (s) => (await import('./commands/policy.js')).rollback(s, generation, message)),
    );
}

function describeHistory(program: Command, start: Start): void {
  program
    .command('history')
    .description('the generations: who installed what, when and why')
    .action(() => start(async (s) => (await import('./commands/history.js')).history(s)));
  program
    .command('policy')
    .description('the text of a generation')
    .argument('[generation]', 'its number (default: the installed one)')
    .action((generation?: string) =>
      start(async (s) => (await import('./commands/history.js')).policy(s, generation)),
    );
  program
    .command('diff')
    .description('what differs between two generations; status 2 when anything does')
    .argument('<a>', 'number of a generation')
    .argument('<b>', 'number of another')
    .action((a: string, b: string) =>
      start(async (s) => (await import('./commands/history.js')).diff(s, a, b)),
    );
}

function describeQuestions(program: Command, start: Start): void {
  program
    .command('explain')
    .description("ask the dataplane for its verdict on a connection's first packet")
    .argument('<proto>', 'tcp, udp, sctp, icmp, icmp6 or a protocol number')
    .argument('<src>', 'ADDRESS or HOST, with :PORT if it matters; [V6]:PORT')
    .argument('<dst>', 'the same')
    .argument('[type]', 'type of the message for icmp and icmp6 (default: echo request)')
    .option('--port <port>', 'port of the bridge where it enters', '')
    .option('--vlan <vlan>', 'N, or OUTER,INNER for two tags, or none (default: of the hosts)', '')
    .action(
      (
        protocol: string,
        source: string,
        destination: string,
        type: string | undefined,
        place: { port: string; vlan: string },
      ) =>
        start(async (s) => {
          const { explain } = await import('./commands/show.js');
          return explain(s, { protocol, source, destination, type }, place);
        }),
    );
  program
    .command('status')
    .description('how the node is')
    .action(() => start(async (s) => (await import('./commands/show.js')).status(s)));
  program
    .command('matrix')
    .description('the installed connection matrix')
    .action(() => start(async (s) => (await import('./commands/show.js')).matrix(s)));
  program
    .command('counters')
    .description('what became of every frame')
    .option('--rules', 'the counters of every rule, too', false)
    .option('--port <port>', 'only this port of the bridge', '')
    .action((asked: { rules: boolean; port: string }) =>
      start(async (s) => (await import('./commands/show.js')).counters(s, asked)),
    );
  const states = program.command('states').description('the connections that the node knows');
  const filters =
    'proto=tcp family=6 phase=established vlan=10; of either end host=NAME address=ADDR[/LEN] port=25; ' +
    'of one src=, dst= NAME or ADDR[/LEN], sport=, dport=; direction=in|out|transit rule=ID; ' +
    'older=, younger=, idle=, expires= 90s, 15m, 1h, 7d';
  states
    .command('kill')
    .description('end connections at once')
    .argument('[filters...]', `${filters}; or all`)
    .action((words: string[]) =>
      start(async (s) => (await import('./commands/states.js')).kill(s, words)),
    );
  states
    .argument('[filters...]', filters)
    .option('--limit <n>', 'list so many at most')
    .option('--count', 'only tell how many there are')
    .action((filters: string[], words: StatesWords) =>
      start(async (s) => (await import('./commands/states.js')).states(s, filters, words)),
    );
  program
    .command('ports')
    .description('the ports of the bridge')
    .action(() => start(async (s) => (await import('./commands/show.js')).ports(s)));
  const watch = program.command('watch').description('follow what happens');
  watch
    .command('drops')
    .description('show dropped and logged frames as they come')
    .action(() => start(async (s) => (await import('./commands/watch.js')).watchDrops(s)));
  watch
    .command('events')
    .description('show what happens to the node')
    .action(() => start(async (s) => (await import('./commands/watch.js')).watchEvents(s)));
  watch
    .command('sessions')
    .description('show connections of rules with `log: session` as they begin and end')
    .action(() => start(async (s) => (await import('./commands/watch.js')).watchSessions(s)));
}

function describeSets(program: Command, start: Start): void {
  const set = program.command('set').description('dynamic groups');
  set
    .command('list')
    .description('the groups, or the members of one')
    .argument('[name]', 'name of a group')
    .action((name?: string) =>
      start(async (s) => (await import('./commands/sets.js')).list(s, name)),
    );
  set
    .command('add')
    .description('add addresses to a group')
    .argument('<name>', 'name of the group')
    .argument('<address...>', 'exact addresses')
    .option('--ttl <time>', 'for how long: 90s, 15m, 1h, 7d (default: for good)')
    .action((name: string, addresses: string[], { ttl }: { ttl?: string }) =>
      start(async (s) => (await import('./commands/sets.js')).add(s, name, addresses, ttl)),
    );
  set
    .command('del')
    .description('delete addresses from a group')
    .argument('<name>', 'name of the group')
    .argument('<address...>', 'exact addresses')
    .action((name: string, addresses: string[]) =>
      start(async (s) => (await import('./commands/sets.js')).del(s, name, addresses)),
    );
  describeLists(set, start);
}

/** Work that asks no node. */
type Here = (work: (out: Output) => Promise<void>) => Promise<void>;

function describePair(program: Command, start: Start, here: Here): void {
  const ha = program.command('ha').description('two nodes as one wall');
  ha.command('status')
    .description('what this node is, why, and how it hears the other one')
    .action(() => start(async (s) => (await import('./commands/ha.js')).status(s)));
  ha.command('takeover')
    .description('make this node the active one')
    .option('--force', 'though connections may be lost', false)
    .action(({ force }: { force: boolean }) =>
      start(async (s) => (await import('./commands/ha.js')).takeOver(s, force)),
    );
  ha.command('yield')
    .description('have the other node take over')
    .action(() => start(async (s) => (await import('./commands/ha.js')).yieldRole(s)));
  ha.command('init')
    .description('make a CA and the certificates of the nodes, for who has none')
    .argument('<directory>', 'where to put them')
    .requiredOption('--nodes <names>', 'names of the nodes, as in their node files: fw1,fw2')
    .option('--days <n>', 'how long they are valid (default: 825)')
    .action((directory: string, { nodes, days }: { nodes: string; days?: string }) =>
      here(async (out) =>
        (await import('./commands/certificates.js')).init(out, directory, nodes, days),
      ),
    );
  ha.command('cert')
    .description('make one more certificate, for a node or for a client that reads')
    .argument('<directory>', 'where the CA is')
    .argument('<name>', 'whose it is')
    .option('--days <n>', 'how long it is valid (default: 825)')
    .option('--renew', 'replace the one that there is', false)
    .action((directory: string, name: string, words: { days?: string; renew?: boolean }) =>
      here(async (out) =>
        (await import('./commands/certificates.js')).cert(out, directory, name, words),
      ),
    );
  ha.command('revoke')
    .description('put a certificate on the list of revocations')
    .argument('<directory>', 'where the CA is')
    .argument('<certificate>', 'a name, or the path of a certificate')
    .action((directory: string, which: string) =>
      here(async (out) =>
        (await import('./commands/certificates.js')).takeBack(out, directory, which),
      ),
    );
}

function describeLists(set: Command, start: Start): void {
  set
    .command('load')
    .description('add the addresses of a list to a group')
    .argument('<name>', 'name of the group')
    .argument('<file>', 'one address per line, # begins a comment; - reads standard input')
    .option('--ttl <time>', 'for how long: 90s, 15m, 1h, 7d (default: for good)')
    .option('--replace', 'and remove members that are not in it')
    .option('--remove', 'remove the addresses of the list instead')
    .action((name: string, file: string, words: LoadWords) =>
      start(async (s) => (await import('./commands/set-load.js')).load(s, name, file, words)),
    );
  set
    .command('flush')
    .description('remove every member of a group')
    .argument('<name>', 'name of the group')
    .action((name: string) =>
      start(async (s) => (await import('./commands/set-load.js')).flush(s, name)),
    );
}

/** The one line that tells what went wrong. */
async function complaint(error: unknown): Promise<string> {
  const { ServiceError } = await import('../control/service.js');
  // An error with a position begins with it, as editors expect.
  if (error instanceof ServiceError && error.position !== null) return error.message;
  if (error instanceof CommanderError && error.code === 'commander.help') {
    return 'bwctl: which command? see bwctl --help';
  }
  const message = error instanceof Error ? error.message : String(error);
  return `bwctl: ${message
    .replace(/^error: /, '')
    .trim()
    .replace(/\s*\n\s*/g, ' ')}`;
}
