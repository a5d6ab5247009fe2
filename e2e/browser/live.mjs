// Watches the live page as a person would.
//
//   usage: node live.mjs URL OUT.png NAME
//
// Tells {"seen": …} once NAME stands in the badge and over the moving face, with a screenshot in OUT.png. Then obeys stdin:
// "down" (the service was stopped) is answered with {"lost": …}, "up" (it runs again) with {"recovered": …}.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { check, openPage, tell, withBrowser } from './browser.mjs';

const [url, screenshot, name] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// What a browser says by itself of a service that is away.
let isDown = false;
const isNetwork = (text) => isDown && /net::ERR_|WebSocket connection to/.test(text);

await withBrowser(async (browser) => {
  const { page, errors } = await openPage(browser, { viewport: { width: 1280, height: 800 }, colorScheme: 'light' }, isNetwork);
  await page.goto(url);
  check((await page.title()) === 'vultus', 'the title is not vultus');

  const first = await faceOf(page, name, null);
  const second = await faceOf(page, name, first.box);
  await page.screenshot({ path: screenshot });
  await page.locator('#seen li', { hasText: name }).first().waitFor();
  await page.waitForFunction(() => document.querySelector('#link').dataset.state === 'live');
  for (const colorScheme of ['light', 'dark']) await isAccessible(page, colorScheme);
  for (const width of [360, 390, 1280]) await fits(page, width);
  check(errors.length === 0, `errors in the console: ${errors.join('\n')}`);
  tell({ seen: name, boxes: [first.box, second.box] });

  for await (const order of createInterface({ input: process.stdin })) {
    if (order === 'down') {
      isDown = true;
      await page.waitForFunction(() => document.querySelector('#link').dataset.state === 'lost');
      await page.locator('.veil').waitFor();
      check((await page.locator('#badge').getAttribute('data-status')) === 'WAIT', 'the badge still speaks of an old frame');
      tell({ lost: await page.locator('#link').textContent() });
    } else if (order === 'up') {
      await faceOf(page, name, null);
      await page.waitForFunction(() => document.querySelector('#link').dataset.state === 'live');
      isDown = false;
      tell({ recovered: true });
    }
  }
  check(errors.length === 0, `errors in the console: ${errors.join('\n')}`);
});

/** Waits until the badge names `name` while a box other than `before` is drawn in green over the face. */
async function faceOf(page, name, before) {
  const found = await page.waitForFunction(([name, before]) => {
    const badge = document.querySelector('#badge'), overlay = document.querySelector('.overlay'), picture = document.querySelector('.picture');
    if (badge.dataset.status !== 'PASS' || document.querySelector('#who').textContent !== name) return false;
    const box = JSON.parse(overlay.dataset.boxes)[JSON.parse(overlay.dataset.names).indexOf(name)];
    if (!box || JSON.stringify(box) === JSON.stringify(before)) return false;
    // The middle of the box's left edge, in the overlay's own pixels.
    const scale = overlay.width / picture.width, [left, top, , bottom] = box;
    const { data } = overlay.getContext('2d').getImageData(Math.round(left * scale) + 1, Math.round(((top + bottom) / 2) * scale), 1, 1);
    const [red, green, blue, alpha] = data;
    return alpha > 200 && green > 150 && red < 100 && blue < 150 ? { box } : false;
  }, [name, before], { polling: 'raf' });
  return found.jsonValue();
}

async function isAccessible(page, colorScheme) {
  await page.emulateMedia({ colorScheme });
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }));
  const told = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`));
  check(told.length === 0, `not accessible in ${colorScheme}:\n${told.join('\n')}`);
}

async function fits(page, width) {
  await page.setViewportSize({ width, height: 800 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  check(wide <= width, `the page is ${wide} pixels wide on a screen of ${width}`);
}
