/** Key of an array map; a number as the bytes of a u32. */
export function index(number: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(number);
  return key;
}
