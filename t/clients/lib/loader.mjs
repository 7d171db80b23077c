// Makes the packages load in plain node, as bundlers and tsx make them load.
//
// @xynehq/jaf is compiled for a bundler: its files import each other without
// an extension, which node refuses.  Its reader of PDF files needs a newer
// node than Debian's; no test reads a PDF, so it gets an empty module.
//
// Used with "node --import"; holds for the tests' process only.

import { File } from 'node:buffer';
import { register } from 'node:module';

// a global of node 20 that clients look for; Debian 12 has node 18
globalThis.File ??= File;

const hooks = `
const lost = new Set(['ERR_MODULE_NOT_FOUND', 'ERR_UNSUPPORTED_DIR_IMPORT']);
const empty = 'data:text/javascript,export class PDFParse {}';

export async function resolve(name, context, next) {
    if (name === 'pdf-parse') {
        return { url: empty, shortCircuit: true };
    }
    try {
        return await next(name, context);
    } catch (error) {
        if (!lost.has(error.code) || !/^\\.\\.?\\//.test(name)) {
            throw error;
        }
    }
    try {
        return await next(name + '.js', context);
    } catch {
        return await next(name + '/index.js', context);
    }
}`;

register('data:text/javascript,' + encodeURIComponent(hooks));
