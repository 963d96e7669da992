/** Picture files: whatever format the browser can show becomes a PNG or JPEG that the server reads. */

const MAX_SIDE = 1024; // pixels: a network reads up to 256, and a phone's photo has 4,000
const SIGNATURES = { "image/png": [0x89, 0x50, 0x4e, 0x47], "image/jpeg": [0xff, 0xd8, 0xff] };

/**
 * Convert a picture file to one that is sent: a PNG of at most 1,024 pixels, upright. A small PNG or JPEG is
 * sent as it is, so that no pixel changes.
 * @param {Blob} file
 * @param {{ width: number, height: number } | null} [size] Size of a network that prepares no pictures: a picture
 *   of another size is scaled and cropped to it.
 * @returns {Promise<Blob>}
 * @throws {Error} The browser cannot show the file.
 */
export async function pictureToSend(file, size = null) {
  const picture = await decode(file);
  if (size && (picture.width !== size.width || picture.height !== size.height)) return draw(picture, size);
  const scale = Math.min(1, MAX_SIDE / Math.max(picture.width, picture.height));
  const type = await typeOf(file);
  return scale === 1 && type ? new Blob([file], { type }) : draw(picture, {
    width: Math.max(1, Math.round(scale * picture.width)),
    height: Math.max(1, Math.round(scale * picture.height)),
  });
}

/** Decode a picture file, turned upright by its EXIF orientation. @param {Blob} file */
async function decode(file) {
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return decodeAsElement(file); // an SVG, which has no pixels of its own
  }
}

/** @param {Blob} file */
async function decodeAsElement(file) {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  try {
    await image.decode();
    return image;
  } catch {
    const name = file instanceof File && file.name ? `“${file.name}”` : "This file";
    throw new Error(`${name} is not a picture that this browser can show: choose a PNG, JPEG, WebP or GIF.`);
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

/** Media type of a file by its first bytes; null for one that is neither PNG nor JPEG. @param {Blob} file */
async function typeOf(file) {
  const bytes = new Uint8Array(await file.slice(0, 4).arrayBuffer());
  for (const [type, signature] of Object.entries(SIGNATURES)) {
    if (signature.every((byte, at) => bytes[at] === byte)) return type;
  }
  return null;
}

/**
 * Draw a picture as a PNG that it covers; what is left on two sides is cut off.
 * @param {ImageBitmap | HTMLImageElement} picture
 * @param {{ width: number, height: number }} size
 * @returns {Promise<Blob>}
 */
function draw(picture, { width, height }) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const scale = Math.max(width / picture.width, height / picture.height);
  const [across, down] = [scale * picture.width, scale * picture.height];
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, (width - across) / 2, (height - down) / 2, across, down);
  if (picture instanceof ImageBitmap) picture.close();
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The picture could not be written."))), "image/png");
  });
}
