// Debian's Chromium with one page whose errors are kept.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';
// No sandbox, because tests may run as root; nothing that asks the internet.
const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];

/** Longer than anything takes on a loaded machine with two cores: the demo video is 20 s long. */
export const PATIENCE = 45_000;

/** Runs `script` with a new browser; whatever goes wrong in it ends the process with 1 and is said on stderr. */
export async function withBrowser(script) {
  if (!existsSync(CHROMIUM)) fail(`${CHROMIUM} is missing: run ./test`);
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
  let why = null;
  try {
    await script(browser);
  } catch (error) {
    why = error.stack;
  }
  await browser.close();
  if (why) fail(why);
}

/** A page, and the errors of its console and scripts except those that `isExpected`. */
export async function openPage(browser, options, isExpected = () => false) {
  const context = await browser.newContext({ reducedMotion: 'reduce', ...options });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const errors = [];
  const keep = (text) => { if (!isExpected(text)) errors.push(text); };
  page.on('console', (message) => { if (message.type() === 'error') keep(message.text()); });
  page.on('pageerror', (error) => keep(error.message));
  return { page, errors };
}

/** Tells whoever started this script what has been reached: one JSON object a line. */
export function tell(reached) {
  console.log(JSON.stringify(reached));
}

export function check(isTrue, sentence) {
  if (!isTrue) throw new Error(sentence);
}

/** Ends at once: orders that still come on stdin would keep the script waiting. */
function fail(why) {
  console.error(why);
  process.exit(1);
}
