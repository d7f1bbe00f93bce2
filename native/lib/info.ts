/** What the kernel says of a map; sizes in bytes, `type` and `flags` as in linux/bpf.h. */
export interface MapInfo {
  readonly id: number;
  /** At most 15 characters: the kernel keeps no more. */
  readonly name: string;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
}

/** What the kernel says of a program. */
export interface ProgramInfo {
  readonly id: number;
  /** At most 15 characters: the kernel keeps no more. */
  readonly name: string;
  /** enum bpf_prog_type of linux/bpf.h. */
  readonly type: number;
  /** Hash of the instructions, in hex. */
  readonly tag: string;
  /** How many instructions the verifier walked. */
  readonly verifiedInstructions: number;
}

/** What the kernel says of a link. */
export interface LinkInfo {
  readonly id: number;
  /** enum bpf_link_type of linux/bpf.h. */
  readonly type: number;
  readonly programId: number;
  /** Of an XDP link; 0 when the interface or the attachment is gone. */
  readonly ifindex: number;
}

/** Where an XDP program sits: in the driver, or in the stack for drivers without XDP. */
export type XdpMode = 'native' | 'generic';
