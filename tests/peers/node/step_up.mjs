// Tests step-up in Chromium: a locked role, the identity provider, and the page of the role with the focus on its button.
// With a provider that ignores the request, the page says what it sent.
import { look, own, profile, seen, signIn, tab, walk } from './walk.mjs';

const role = '/console?account=111122223333&permission_set=Developer';

await walk('step-up', async () => {
  const page = await tab(await profile());
  await page.goto(own('/'));
  await signIn(page, 'bob');
  await page.waitForURL(own('/'));
  await look(page, 'locked-roles');
  await page.goto(own(role));
  await look(page, 'locked');
  // On a phone, the end of the session has a line of its own. No line ends with a separator.
  seen.ends = await page.evaluate(() => {
    const style = (pseudo) => getComputedStyle(document.querySelector('.who .ends'), pseudo);
    return `${style(null).display} ${style('::before').content}`;
  });
  seen.before = await page.evaluate(() => document.activeElement.tagName);
  await page.getByRole('link', { name: 'Sign in again with a second factor' }).click();
  if (page.url().startsWith(own('/'))) {
    await look(page, 'unconfirmed');
    return;
  }
  await signIn(page, 'bob');
  await page.waitForURL(own(role));
  await look(page, 'stepped-up');
  seen.focus = await page.evaluate(() => document.activeElement.textContent);
  seen.described = await page.evaluate(() => document.getElementById(document.activeElement.getAttribute('aria-describedby'))?.textContent);
  // The person only confirms. Nothing was issued before.
  await page.keyboard.press('Enter');
  await page.getByText('You are signed in to the console').waitFor();
  await page.goto(own(role));
  await page.getByRole('button', { name: 'Get credentials' }).click();
  await page.getByRole('button', { name: 'Verify with AWS' }).click();
  await page.getByRole('heading', { name: 'Identity according to AWS' }).waitFor();
  await look(page, 'verified');
});
