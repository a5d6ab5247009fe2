// The live page of a service with an API key, and messages that nobody should send.
//
//   usage: node guarded.mjs URL KEY
import { check, openPage, tell, withBrowser } from './browser.mjs';

const [url, key] = process.argv.slice(2);
const HOSTILE = '<img src=x onerror="globalThis.hacked=1"> 漢字 עברית';
const isRefusal = (text) => text.includes('401');

await withBrowser(async (browser) => {
  const { page, errors } = await openPage(browser, { viewport: { width: 390, height: 844 } }, isRefusal);
  await asksForTheKey(page);
  await takesTheKeyFromTheAddress(page);
  await survivesHostileMessages(page);
  check(errors.length === 0, `errors in the console: ${errors.join('\n')}`);
});

async function asksForTheKey(page) {
  await page.goto(url);
  const field = page.getByLabel('API key');
  await field.waitFor();
  await page.keyboard.type('wrong');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').filter({ hasText: 'not the key' }).waitFor();
  await page.keyboard.type(key);
  await page.keyboard.press('Enter');
  await isLive(page);
  check(await field.isHidden(), 'the form is still there');
  tell({ asked: true });
}

async function takesTheKeyFromTheAddress(page) {
  await page.evaluate(() => sessionStorage.clear());
  await page.goto(`${url}?key=${encodeURIComponent(key)}&wall=1`);
  await isLive(page);
  check(page.url() === `${url}?wall=1`, `the address shows ${page.url()}`);
  await page.reload();
  await isLive(page);
  tell({ taken: true });
}

/** Says to the hub what any client could say; the page shows it as text and goes on. */
async function survivesHostileMessages(page) {
  await page.evaluate(([key, name]) => new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://${location.host}/ws/face-stream?key=${encodeURIComponent(key)}`);
    const frame = document.querySelector('.picture').toDataURL('image/jpeg').split(',')[1];
    const face = { type: 'face_event', status: 'PASS', name, distance: 0.1, box: [20, 60, 90, 130], timestamp: 1e300, frame };
    const odd = [{ frame: '!' }, { faces: [null, 7, { box: 'x' }] }, { box: [null, 1, 2, 3] }, { box: [9e9, -9e9, 1, 0] }, { distance: {} }];
    const messages = ['', 'null', '[]', '{', '{"type":"face_event"}', ...odd.map((part) => JSON.stringify({ ...face, ...part }))];
    socket.onerror = () => reject(new Error('the hub does not let me in'));
    socket.onopen = () => {
      messages.forEach((message) => socket.send(message));
      socket.send(JSON.stringify(face));
      socket.close();
      resolve();
    };
  }), [key, HOSTILE]);
  await page.locator('#seen bdi').filter({ hasText: HOSTILE }).first().waitFor();
  check(await page.evaluate(() => globalThis.hacked === undefined && document.images.length === 0), 'a name became HTML');
  await isLive(page);
  tell({ unharmed: true });
}

async function isLive(page) {
  await page.waitForFunction(() => document.querySelector('#link').dataset.state === 'live' && document.querySelector('#badge').dataset.status !== 'WAIT');
}
