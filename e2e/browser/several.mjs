// The live page with four cameras: the service's own, and three that others publish.
//
//   usage: node several.mjs URL OUT.png
//
// Tells {"seen": …} once all four are shown, with a screenshot in OUT.png, {"listed": …} once a passage has its row, and {"away": …}
// once a camera that sends nothing any more is told from those that go on.
import { check, openPage, tell, withBrowser } from './browser.mjs';

const [url, screenshot] = process.argv.slice(2);
const OTHERS = ['gate', 'lobby', 'yard'];

await withBrowser(async (browser) => {
  const { page, errors } = await openPage(browser, { viewport: { width: 1440, height: 900 }, colorScheme: 'light' });
  await page.goto(url);
  await page.evaluate(publish, OTHERS);
  await page.waitForFunction(() => document.querySelectorAll('.tile').length === 4 && !document.querySelector('.tile[data-stale]'));
  await page.waitForFunction(() => document.querySelector('#link').dataset.state === 'live');
  const names = await page.locator('.tile .name').allTextContents();
  const lowest = await page.evaluate(() => Math.max(...[...document.querySelectorAll('.tile')].map((tile) => tile.getBoundingClientRect().bottom)));
  check(lowest <= 900, `the tiles reach down to ${lowest}`);

  await page.evaluate(() => globalThis.tellOfPassage({ phase: 'start', id: 'a', camera: 'gate', person: null, status: 'REJECT', distance: 0.7, start: 1736400000 }));
  await page.locator('#seen li', { hasText: 'unknown' }).filter({ hasText: 'gate' }).waitFor();
  await page.evaluate(() => globalThis.tellOfPassage({ phase: 'end', id: 'a', camera: 'gate', person: 'Ada', status: 'PASS', distance: 0.31, start: 1736400000 }));
  const rows = page.locator('#seen li').filter({ hasText: 'gate' }), row = rows.filter({ hasText: 'Ada' });
  await row.waitFor();
  check(await rows.filter({ hasText: 'unknown' }).count() === 0, 'a passage has more than one row');
  await page.screenshot({ path: screenshot });
  tell({ seen: names });
  tell({ listed: await row.textContent() });

  await page.evaluate(() => globalThis.stopPublishing('yard'));
  const yard = page.locator('.tile[data-stale]').filter({ hasText: 'yard' });
  await yard.waitFor();
  await page.waitForFunction(() => document.querySelector('#link').textContent === 'Live: 3 of 4 cameras');
  check(await page.locator('.tile[data-stale]').count() === 1, 'one camera took others with it');
  for (const width of [360, 800, 1440]) {
    await page.setViewportSize({ width, height: 800 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    check(wide <= width, `the page is ${wide} pixels wide on a screen of ${width}`);
  }
  check(errors.length === 0, `errors in the console: ${errors.join('\n')}`);
  tell({ away: await yard.locator('.veil').textContent() });
});

/** In the page: sends the service's own frames again, as if they were of other cameras. */
function publish(cameras) {
  const address = `ws://${location.host}/ws/face-stream`;
  const publisher = new WebSocket(`${address}?role=publisher`), viewer = new WebSocket(`${address}?camera=camera`);
  const publishing = new Set(cameras);
  globalThis.stopPublishing = (camera) => publishing.delete(camera);
  globalThis.tellOfPassage = (passage) => publisher.send(JSON.stringify({ type: 'event', ...passage }));
  viewer.onmessage = ({ data }) => {
    if (publisher.readyState !== WebSocket.OPEN) return;
    for (const camera of publishing) publisher.send(JSON.stringify({ ...JSON.parse(data), camera }));
  };
}
