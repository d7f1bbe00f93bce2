/** Everything that the binding throws, with a code to decide by and the kernel's words to read. */
export class BpfError extends Error {
  /**
   * Name of the failure: an errno name ('ENOENT', 'EPERM'), or one of the binding's own:
   * 'EVERIFIER' (the verifier refused a program), 'ECLOSED' (the handle is closed), 'EUSAGE' (an
   * argument that can never be right), 'ESTATE' (right call, wrong time), 'EUNKNOWN' (no map,
   * program, variable or struct of that name), 'ENOBTF', 'ENOADDON' (the native part was not
   * built).
   */
  readonly code: string;
  /** The system's number, 0 when no system call failed. */
  readonly errno: number;
  /** What libbpf or the verifier said, whole (the end of it, when it is very long); else empty. */
  readonly log: string;
  /** Of a batch that failed half way: how many elements were done. */
  readonly done: number | undefined;

  constructor(message: string, code = 'EUSAGE', errno = 0, log = '', done?: number) {
    const said = summary(log);
    super(said === '' ? message : `${message}: ${said}`);
    this.name = 'BpfError';
    this.code = code;
    this.errno = errno;
    this.log = log;
    this.done = done;
  }
}

/**
 * The one line of a log that says why: the verifier's last finding, else libbpf's first complaint.
 */
function summary(log: string): string {
  const lines = log.split('\n').map((line) => line.trim().replace(/^libbpf: /, ''));
  const begin = lines.findIndex((line) => line.endsWith('-- BEGIN PROG LOAD LOG --'));
  if (begin < 0) {
    // libbpf tries maps again without BTF; the second failure names the map in clear.
    return lines.find((line) => line !== '' && !line.endsWith('Retrying without BTF.')) ?? '';
  }
  const said = lines.slice(begin + 1);
  const end = said.findIndex((line) => /^processed \d+ insns|-- END PROG LOAD LOG --/.test(line));
  const finding = said.slice(0, end).findLast((line) => line !== '' && !line.startsWith(';'));
  const program = /^prog '[^']*'/.exec(lines[begin] ?? '')?.[0] ?? 'verifier';
  return `${program}: ${finding ?? 'refused'}`;
}
