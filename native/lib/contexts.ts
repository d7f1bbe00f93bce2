import { checkNumber, checkOptions } from './check.js';

// struct xdp_md: six words; struct __sk_buff: offsets of the fields that a test run may set.
const XDP_MD_SIZE = 24;
const SK_BUFF_SIZE = 192;
const SK_MARK = 8;
const SK_INGRESS_IFINDEX = 36;
const SK_IFINDEX = 40;
const SK_GSO_SEGS = 164;
const SK_GSO_SIZE = 176;

/**
 * A struct xdp_md for testRun of an XDP program.
 * @param o.length bytes of `data` given to testRun, metadata included
 * @param o.metaLength bytes of metadata at the start of `data`: a multiple of 4
 */
export function xdpContext(o: {
  readonly length: number;
  readonly ifindex: number;
  readonly metaLength?: number;
}): Buffer {
  checkOptions(o, 'xdpContext');
  const { length, ifindex, metaLength = 0 } = o;
  checkNumber(length, 'length');
  checkNumber(ifindex, 'ifindex');
  checkNumber(metaLength, 'metaLength', 0, length);
  const context = Buffer.alloc(XDP_MD_SIZE);
  context.writeUInt32LE(metaLength, 0);
  context.writeUInt32LE(length, 4);
  context.writeUInt32LE(ifindex, 12);
  return context;
}

/**
 * A struct __sk_buff for testRun of a tc program: as if the frame had come in on that interface.
 */
export function skbContext(o: {
  readonly ifindex: number;
  readonly mark?: number;
  readonly gsoSegs?: number;
  readonly gsoSize?: number;
}): Buffer {
  checkOptions(o, 'skbContext');
  const { ifindex, mark = 0, gsoSegs = 0, gsoSize = 0 } = o;
  checkNumber(ifindex, 'ifindex');
  checkNumber(mark, 'mark');
  checkNumber(gsoSegs, 'gsoSegs', 0, 0xffff);
  checkNumber(gsoSize, 'gsoSize', 0, 0xffff);
  const context = Buffer.alloc(SK_BUFF_SIZE);
  context.writeUInt32LE(mark, SK_MARK);
  context.writeUInt32LE(ifindex, SK_INGRESS_IFINDEX);
  context.writeUInt32LE(ifindex, SK_IFINDEX);
  context.writeUInt32LE(gsoSegs, SK_GSO_SEGS);
  context.writeUInt32LE(gsoSize, SK_GSO_SIZE);
  return context;
}
