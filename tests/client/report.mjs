// A report as its readers have it: in Chromium, light, dark and on a phone.
//
//     node report.mjs '{ "pages": ["report.html"] }'
//
// Fails, and says where, on: anything a page loads or says on the console, sideways scrolling of the
// whole page, a serious or critical finding of axe, an error of an HTML validator.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { HtmlValidate } from 'html-validate';
import { chromium } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SIZES = { wide: { width: 1280, height: 900 }, phone: { width: 360, height: 740 } };
const SERIOUS = ['serious', 'critical'];

const { pages } = JSON.parse(process.argv[2]);
const faults = [];

/** What the standard says of the text. */
async function validate(file) {
  const validator = new HtmlValidate({ extends: ['html-validate:standard'] });
  const { results } = await validator.validateString(readFileSync(file, 'utf8'));
  for (const { line, ruleId, message } of results.flatMap((result) => result.messages)) {
    faults.push(`${file}:${line}: ${ruleId}: ${message}`);
  }
}

/** What a reader with this screen meets; `script` is whether scripts run. */
async function open(browser, file, colorScheme, size, script) {
  const where = `${file} (${colorScheme}, ${size}${script ? '' : ', without scripts'})`;
  const context = await browser.newContext({
    colorScheme,
    viewport: SIZES[size],
    javaScriptEnabled: script,
  });
  const page = await context.newPage();
  const address = pathToFileURL(file).href;
  await page.route('**', (route) => {
    const url = route.request().url();
    if (url === address) return route.continue();
    faults.push(`${where}: asks for ${url}`);
    return route.abort();
  });
  page.on('console', (message) => faults.push(`${where}: says ${message.text()}`));
  page.on('pageerror', (error) => faults.push(`${where}: ${error}`));
  await page.goto(address);
  if (script) {
    await page.evaluate(() => document.querySelectorAll('details').forEach((one) => (one.open = true)));
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (wide > 0) faults.push(`${where}: ${wide} pixels wider than the screen`);
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() => window.axe.run({ resultTypes: ['violations'] }));
    for (const { id, impact, help, nodes } of violations) {
      if (!SERIOUS.includes(impact)) continue;
      faults.push(`${where}: ${id}: ${help}: ${nodes.slice(0, 3).map((node) => node.html).join(' ')}`);
    }
  } else {
    const shown = await page.locator('table').first().innerText();
    if (!shown.trim()) faults.push(`${where}: has no table`);
  }
  await context.close();
}

const browser = await chromium.launch({
  executablePath: execFileSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).trim(),
  args: ['--no-sandbox', '--disable-dev-shm-usage'],
});
for (const file of pages) {
  await validate(file);
  await open(browser, file, 'light', 'wide', true);
  await open(browser, file, 'dark', 'wide', true);
  await open(browser, file, 'light', 'phone', true);
  await open(browser, file, 'light', 'wide', false);
}
await browser.close();
for (const fault of faults) console.error(fault);
process.exitCode = faults.length === 0 ? 0 : 1;
