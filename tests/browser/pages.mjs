// The fear: pages that look right in the sources and do not work in a browser: a script that the content policy stops, a click that
// leads nowhere, a text that cannot be read, a page that needs a mouse.
//
//   cargo build --release && target/release/mispair demo        the newsroom, its index and its pictures
//   npm install --prefix tests/browser --no-package-lock && node tests/browser/pages.mjs
//
// MISPAIR: the binary (target/release/mispair); DEMO: the demo's folder (demo); CHROMIUM: /usr/bin/chromium.
// Screenshots are left in target/pages/.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const binary = process.env.MISPAIR ?? "target/release/mispair";
const demo = process.env.DEMO ?? "demo";
const shots = "target/pages";
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TOKEN = "a-token-for-the-browser-test";

const freePort = () => new Promise((resolve) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

/** A daemon over the demo, or what else is named; resolves when it is ready. */
async function daemon(environment = {}, what = [join(demo, "index"), "--images", join(demo, "newsroom/visual_news/origin")]) {
  const address = `127.0.0.1:${await freePort()}`;
  const child = spawn(
    binary,
    ["serve", ...what, "--listen", address, "--log-level", "error"],
    { env: { ...process.env, ...environment }, stdio: ["ignore", "inherit", "inherit"] },
  );
  const ended = new Promise((resolve) => child.on("exit", resolve));
  for (let tries = 0; ; tries += 1) {
    const ready = await fetch(`http://${address}/readyz`).then((r) => r.ok, () => false);
    if (ready) break;
    assert(tries < 600 && child.exitCode === null, "the daemon does not become ready");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { url: `http://${address}`, stop: () => { child.kill("SIGTERM"); return ended; } };
}

/** 40 of the demo’s pictures (PNG, whatever their names say), encoded, indexed and served with a model that is small and knows nothing. */
async function withModel() {
  const folder = mkdtempSync(join(tmpdir(), "mispair-model-")), model = "tests/fixtures/models/clip";
  mkdirSync(join(folder, "photos"));
  const origin = join(demo, "newsroom/visual_news/origin");
  const pictures = readdirSync(origin, { recursive: true }).filter((name) => name.endsWith(".jpg")).sort().slice(0, 40);
  assert.equal(pictures.length, 40);
  pictures.forEach((picture, i) => copyFileSync(join(origin, picture), join(folder, "photos", `${i}.png`)));
  const run = (...args) => execFileSync(binary, ["--quiet", ...args], { stdio: ["ignore", "ignore", "inherit"] });
  const captions = pictures.map((_, i) => `${i}.png,the dog number ${i} runs,${i}.png`);
  writeFileSync(join(folder, "captions.csv"), ["id,caption,image_path", ...captions].join("\n") + "\n");
  run("embed", join(folder, "photos"), "--model", model, "--out", join(folder, "image"));
  run("embed", join(folder, "captions.csv"), "--model", model, "--out", join(folder, "text"));
  const modality = (name, at) => `[modalities.${name}]\npath = "${at}/vectors.npy"\nids = "${at}/ids.npy"\n`;
  writeFileSync(join(folder, "corpus.toml"), '[corpus]\nname = "small"\n[catalog]\nformat = "csv"\npath = "captions.csv"\n'
    + modality("clip-image", "image") + modality("clip-text", "text"));
  run("build", join(folder, "corpus.toml"), "--out", join(folder, "index"));
  const served = await daemon({}, [join(folder, "index"), "--images", join(folder, "photos"), "--model", model]);
  const photo = join(folder, "photos", "7.png");
  return { ...served, photo, stop: async () => { await served.stop(); rmSync(folder, { recursive: true }); } };
}

/** A page that fails the test when anything is logged as an error or stopped by the content policy. */
async function open(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const wrong = [];
  // An image that is marked corrupted is refused on purpose; everything else is a fault.
  page.on("console", (message) => {
    if (message.type() === "error" && !/\/v1\/images\//.test(message.location().url)) wrong.push(message.text());
  });
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("request", (request) => {
    const from = new URL(request.url());
    if (from.hostname !== "127.0.0.1" && from.protocol !== "data:") wrong.push(`asks ${request.url()}`);
  });
  return { context, page, wrong };
}

/** No serious finding; the rest is told. */
async function accessible(page, where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  for (const v of violations) console.log(`  axe, ${where}: ${v.impact} ${v.id}: ${v.nodes.map((n) => n.target.join(" ")).slice(0, 3).join(" | ")}`);
  const bad = violations.filter((v) => v.impact === "serious" || v.impact === "critical");
  assert.deepEqual(bad.map((v) => [v.id, v.nodes[0].html, v.nodes[0].failureSummary]), [], `axe, ${where}`);
}

/** Nothing is wider than the screen. */
async function fits(page, where) {
  const [width, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert(width <= screen, `${where}: ${width} px wide on a screen of ${screen}`);
}

async function shot(page, name) {
  // Those below the fold come when they are looked at.
  await page.evaluate(() => { for (const img of document.images) img.loading = "eager"; });
  await page.waitForLoadState("networkidle");
  await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
}

const tests = {
  async "search, click through, explain"({ browser, url }) {
    const { context, page, wrong } = await open(browser);
    await page.goto(url);
    await shot(page, "begin");
    await accessible(page, "begin");
    const loaded = await page.locator(".tile img").evaluateAll((all) => all.filter((i) => i.naturalWidth > 0).length);
    assert(loaded >= 6, `${loaded} pictures are there`);

    // In place: the page is not loaded again, the address says what was asked.
    await page.evaluate(() => { globalThis.stays = true; });
    await page.getByLabel("Words of a caption", { exact: true }).last().fill("stadium");
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByRole("heading", { name: /with “stadium”/ }).waitFor();
    assert(await page.evaluate(() => globalThis.stays), "the answer was exchanged in place");
    assert.equal(new URL(page.url()).search, "?by=words&words=stadium&in=split%3Asemantics_clip_text_image&k=24");
    await accessible(page, "words");
    await shot(page, "words");

    const tile = page.locator(".tile a").first();
    const caption = await tile.locator(".caption").innerText();
    await tile.click();
    await page.locator(".asked").waitFor();
    assert.equal(await page.locator(".asked .caption").innerText(), caption);
    await shot(page, "hits");
    await accessible(page, "hits");

    // Filters hide, and are kept in the address; reloaded, the page says the same without scripts having run.
    const tiles = page.locator(".tiles .tile:visible");
    const before = await tiles.count();
    assert.equal(before, 24);
    const slider = page.locator("[name=score_min]");
    await slider.focus();
    for (let i = 0; i < 3; i += 1) await page.keyboard.press("PageUp");
    const after = await tiles.count();
    assert(after < before && after > 0, `${after} of ${before}`);
    assert.equal(await page.locator("[data-visible]").innerText(), String(after));
    assert.match(page.url(), /score_min=/);
    await page.reload();
    assert.equal(await tiles.count(), after);

    await page.getByText("Copy as curl or Python").click();
    assert.match(await page.locator("pre").first().innerText(), /^curl -s http:\/\/127\.0\.0\.1:\d+\/v1\/query/);
    await page.getByRole("link", { name: "Why these, and not others?" }).click();
    await page.waitForURL(/\/explain/);
    assert.equal(await page.locator(".pair blockquote").innerText(), caption);
    assert.equal(await page.locator(".candidate.first").count(), 1);
    assert(await page.locator(".candidate.rejected .chip.fails").count() > 0);
    await shot(page, "explain");
    await accessible(page, "explain");
    await page.locator(".pick span", { hasText: "Rejected" }).click();
    assert.equal(await page.locator(".candidate.taken:visible").count(), 0);
    for (const tab of await page.locator(".tabs a").all()) {
      const reply = await context.request.get(url + await tab.getAttribute("href"));
      assert(reply.ok(), `${reply.status()} ${reply.url()}`);
    }

    await page.goto(`${url}/status`);
    await shot(page, "status");
    await accessible(page, "status");
    assert(await page.locator(".plot svg .mark").count() > 2);
    await page.goto(`${url}/?by=id&id=nosuch`);
    await shot(page, "trouble");
    await accessible(page, "trouble");
    assert.deepEqual(wrong.filter((w) => !/404/.test(w)), []);
    await context.close();
  },

  async "a caption checked: evidence, verdict, margins"({ browser, url }) {
    const { context, page, wrong } = await open(browser);
    await page.goto(url);
    await page.getByRole("link", { name: "Check", exact: true }).click();
    await page.waitForURL(/\/check/);
    await shot(page, "check-begin");
    await accessible(page, "check, begin");
    // A caption beside its own image, as if from outside: the archive's image carried it.
    const first = page.locator(".group").first().locator(".tile a").first();
    const caption = await first.locator(".caption").innerText();
    await first.click();
    await page.locator(".stamp").waitFor();
    assert.equal(await page.locator(".asked .caption").innerText(), caption);
    assert.equal(await page.locator(".stamp.accurate").count(), 1);
    assert.match(await page.locator(".stamp .eyebrow").innerText(), /rule 1/i);
    assert.equal(await page.locator(".rules .met").count() > 0, true);
    await shot(page, "check-accurate");
    await accessible(page, "check, accurate");
    const [evidence, verdict] = await Promise.all(["#by-image", "#verdict"].map((at) => page.locator(at).evaluate((e) => {
      const all = [...document.querySelectorAll("h2")];
      return all.indexOf(e);
    })));
    assert(evidence < verdict, "lines of evidence come before the verdict");
    // Beside the image of another: whatever the rules say, they say by how much.
    await page.goto(`${url}/check`);
    await page.locator(".group").last().locator(".tile a").first().click();
    await page.locator(".stamp").waitFor();
    assert.equal(await page.locator(".rules li").count(), 3);
    await shot(page, "check-other");
    await accessible(page, "check, another image");
    await page.getByLabel("A caption", { exact: true }).fill("Nobody wrote <b>this</b>");
    await page.getByLabel(/or the id of a sample/).fill("");
    await page.getByRole("button", { name: "Check" }).click();
    await page.locator(".stamp.open").waitFor();
    assert.equal(await page.locator(".asked .caption").innerText(), "Nobody wrote <b>this</b>");
    await page.getByText("Copy as curl or Python").click();
    assert.match(await page.locator("pre").first().innerText(), /\/v1\/verify/);
    assert.deepEqual(wrong, []);
    await context.close();
  },

  async "a vector from a file"({ browser, url }) {
    const { context, page, wrong } = await open(browser);
    await page.goto(url);
    await page.getByText("A vector", { exact: true }).click();
    const numbers = Array.from({ length: 512 }, (_, i) => Math.fround(Math.sin(i)));
    const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 512), }".padEnd(117) + "\n";
    const npy = Buffer.concat([
      Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, 118, 0]), Buffer.from(header),
      Buffer.from(new Float32Array([...numbers, ...numbers]).buffer),
    ]);
    await page.locator("[data-vector-file]").setInputFiles({ name: "query.npy", mimeType: "application/octet-stream", buffer: npy });
    await page.getByText("512 numbers: the first of 2 rows from query.npy").waitFor();
    await page.getByLabel("How").selectOption("modality:clip-image");
    await page.getByRole("button", { name: "Search" }).click();
    await page.locator("ol.tiles .tile").first().waitFor();
    assert.equal(await page.locator("ol.tiles .tile").count(), 24);
    await page.locator("[data-vector-file]").setInputFiles({ name: "no.txt", mimeType: "text/plain", buffer: Buffer.from("1 two") });
    await page.getByText("no.txt cannot be used").waitFor();
    assert.deepEqual(wrong, []);
    await context.close();
  },

  async "a caption and a photo of one's own, with scripts and without"({ browser }) {
    const { url, photo, stop } = await withModel();
    for (const javaScriptEnabled of [true, false]) {
      const { context, page, wrong } = await open(browser, { javaScriptEnabled });
      await page.goto(url);
      await page.getByText("A caption of your own", { exact: true }).click();
      await page.getByLabel("A caption", { exact: true }).fill("the dog runs");
      await page.getByLabel("How").selectOption("modality:clip-image");
      await page.getByRole("button", { name: "Search", exact: true }).click();
      await page.locator("ol.tiles .tile").first().waitFor();
      assert.equal(await page.locator(".asked .caption").innerText(), "the dog runs");
      assert.match(page.url(), /text=the\+dog\+runs/);
      if (javaScriptEnabled) await shot(page, "text");

      await page.goto(url);
      await page.evaluate(() => { globalThis.stays = true; });
      await page.getByText("A photo", { exact: true }).click();
      assert.equal(await page.getByRole("button", { name: "Search", exact: true }).count(), 0, "one button, and the right one");
      await page.locator("[name=photo]").setInputFiles(photo);
      // Return in a field does as the button does, where a script can see to it.
      if (javaScriptEnabled) await page.getByLabel("Results").press("Enter");
      else await page.getByRole("button", { name: "Search by this photo" }).click();
      await page.locator(".asked img.sent").waitFor();
      assert.equal(await page.locator("ol.tiles .tile .id").first().innerText(), "7.png", "itself");
      assert(await page.locator("img.sent").evaluate((i) => i.naturalWidth > 0), "it is shown");
      assert.equal(await page.getByText("A link to this search").count(), 0);
      assert.equal(await page.evaluate(() => globalThis.stays === true), javaScriptEnabled, "exchanged in place");
      assert.equal(new URL(page.url()).search, "");
      if (javaScriptEnabled) { await shot(page, "photo"); await accessible(page, "photo"); }

      await page.goto(`${url}/check`);
      await page.getByLabel("A caption", { exact: true }).fill("the dog number 7 runs");
      await page.locator("[name=photo]").setInputFiles(photo);
      await page.getByRole("button", { name: "Check with this photo" }).click();
      await page.locator(".stamp.accurate").waitFor();
      assert.equal(await page.locator(".asked img.sent").count(), 1);
      if (javaScriptEnabled) { await shot(page, "check-photo"); await accessible(page, "check, photo"); await fits(page, "check, photo"); }
      assert.deepEqual(wrong, []);
      await context.close();
    }
    await stop();
  },

  async "without scripts"({ browser, url }) {
    const { context, page, wrong } = await open(browser, { javaScriptEnabled: false });
    await page.goto(`${url}/check`);
    await page.locator(".group .tile a").first().click();
    await page.locator(".stamp").waitFor();
    await page.goto(url);
    await page.locator("[name=words]").fill("stadium");
    await page.getByRole("button", { name: "Search" }).click();
    await page.waitForURL(/words=stadium/);
    await page.locator(".tile a").first().click();
    await page.waitForURL(/id=/);
    assert.equal(await page.locator("ol.tiles .tile").count(), 24);
    await page.getByRole("button", { name: "Filter" }).click();
    await page.waitForURL(/score_min=/);
    assert.equal(await page.locator("ol.tiles .tile:visible").count(), 24, "filters at their ends hide nothing");
    await page.getByRole("link", { name: "Why these, and not others?" }).click();
    await page.waitForURL(/\/explain/);
    assert(await page.locator(".candidate").count() > 10);
    await page.locator(".pick span", { hasText: "May be chosen" }).click();
    assert.equal(await page.locator(".candidate.rejected:visible").count(), 0);
    assert.deepEqual(wrong, []);
    await context.close();
  },

  async "by keyboard"({ browser, url }) {
    const { context, page } = await open(browser);
    await page.goto(url);
    const at = () => page.evaluate(() => document.activeElement.name || document.activeElement.className || document.activeElement.textContent);
    const tab = async (until) => {
      for (let i = 0; i < 40; i += 1) {
        await page.keyboard.press("Tab");
        if (await page.evaluate(until)) return;
      }
      assert.fail(`never at ${until}; at ${await at()}`);
    };
    await page.keyboard.press("Tab");
    assert.equal(await at(), "skip");
    await tab(() => document.activeElement.name === "by");
    await page.keyboard.press("ArrowRight");
    await tab(() => document.activeElement.name === "id");
    const id = await page.locator(".tile .id").first().innerText();
    await page.keyboard.type(id);
    await page.keyboard.press("Enter");
    await page.locator(".asked").waitFor();
    await tab(() => document.activeElement.matches(".asked .button"));
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.equal(outline, "solid", "where one is can be seen");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/explain/);
    await tab(() => document.activeElement.matches(".candidate a"));
    await context.close();
  },

  async "in the dark, and on a telephone"({ browser, url }) {
    for (const [name, options] of [
      ["dark", { colorScheme: "dark" }],
      ["phone", { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 }],
    ]) {
      const { context, page } = await open(browser, options);
      await page.goto(url);
      const id = await page.locator(".tile .id").first().innerText();
      for (const [what, path] of [
        ["begin", "/"], ["hits", `/?by=id&id=${id}&adversarial=on`], ["explain", `/explain?id=${id}`],
        ["check-begin", "/check"], ["check", `/check?id=${id}&image=${id}&same_image=0.5&other_image=0.4`],
        ["status", "/status"], ["trouble", "/?by=id&id=nosuch"],
      ]) {
        await page.goto(url + path);
        await shot(page, `${what}-${name}`);
        await accessible(page, `${what}, ${name}`);
        await fits(page, `${what}, ${name}`);
      }
      const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      assert.equal(ground === "rgb(246, 245, 241)", name !== "dark");
      await context.close();
    }
  },

  async "signing in"({ browser }) {
    const folder = mkdtempSync(join(tmpdir(), "mispair-token-"));
    writeFileSync(join(folder, "token"), TOKEN);
    const { url, stop } = await daemon({ MISPAIR_READ_TOKEN_FILE: join(folder, "token") });
    const { context, page } = await open(browser);
    await page.goto(`${url}/status`);
    await shot(page, "signin");
    await accessible(page, "signin");
    await page.getByLabel("Token").fill("not-the-token");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("not one of this daemon’s tokens").waitFor();
    await page.getByLabel("Token").fill(TOKEN);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL(/\/status$/);
    await page.goto(url);
    await page.waitForLoadState("networkidle");
    assert(await page.locator(".tile img").evaluateAll((all) => all.every((i) => i.naturalWidth > 0)), "images come, too");
    const cookies = await context.cookies();
    assert.deepEqual(cookies.map((c) => [c.httpOnly, c.sameSite, c.value.includes(TOKEN)]), [[true, "Strict", false]]);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.waitForURL(/\/signin/);
    assert.equal((await page.goto(url)).status(), 401);
    await context.close();
    await stop();
    rmSync(folder, { recursive: true });
  },
};

mkdirSync(shots, { recursive: true });
const profile = mkdtempSync(join(tmpdir(), "mispair-chromium-"));
const served = await daemon();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", `--disk-cache-dir=${profile}`],
});
let failed = 0;
const only = process.argv.slice(2);
for (const [name, test] of Object.entries(tests)) {
  if (only.length && !only.some((o) => name.includes(o))) continue;
  const start = Date.now();
  try {
    await test({ browser, url: served.url });
    console.log(`ok      ${name} (${Date.now() - start} ms)`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n${error.stack}`);
  }
}
await browser.close();
await served.stop();
rmSync(profile, { recursive: true, force: true });
process.exit(failed ? 1 : 0);
