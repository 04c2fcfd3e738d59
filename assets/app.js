// What the pages do beyond HTML: instant search, favourites and recents, countdowns, copy buttons, local times.
// Every page works without it. It sends nothing anywhere and keeps only names of roles, in this browser.

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const plural = (n, noun) => `${n} ${noun}${n === 1 ? '' : 's'}`;

// Storage may be refused (private windows, policies); then nothing is remembered.
const load = (key) => { try { return [JSON.parse(localStorage.getItem(key)) ?? []].flat(); } catch { return []; } };
const save = (key, value) => { try { localStorage.setItem(key, JSON.stringify(value)); } catch { /* not remembered */ } };

function portal(list) {
  const search = $('#q'), count = $('#count'), nothing = $('#nothing');
  // Where a role is chosen for a program there are no favourites.
  const quick = $('#quick') ?? document.createElement('div'), star = $('#star')?.content.firstChild;
  const unfiltered = count.textContent;
  const text = (element) => element.textContent.toLowerCase();
  const accounts = $$('.account', list).map((element) => {
    const name = $('h2', element).textContent;
    const roles = $$('li', element).map((item) => {
      const form = $('form', item), set = $('h3', item).firstChild.data, variant = $('h3 i', item)?.textContent ?? '';
      const id = $('code', element).textContent, title = variant ? `${set} ${variant}` : set;
      return { item, form, name, title, text: `${set}@${variant}`.toLowerCase(), key: `${id}/${set}${variant && '@' + variant}` };
    });
    return { element, roles, text: [...$('header', element).querySelectorAll('h2, code, span')].map(text).join(' ') };
  });
  const known = new Map(accounts.flatMap((account) => account.roles).filter((role) => role.form).map((role) => [role.key, role]));
  const pick = (key) => load(key).filter((role) => known.has(role));

  // The buttons of two hundred roles must not all be called "Console".
  const name = (form, role) => {
    for (const action of $$('button:not(.star), a', form)) action.setAttribute('aria-label', `${action.textContent}: ${role.title} in ${role.name}`);
  };
  for (const role of known.values()) {
    const button = star.cloneNode(true);
    button.setAttribute('aria-label', `Favourite: ${role.title} in ${role.name}`);
    role.form.prepend(button);
    name(role.form, role);
  }

  function shelves() {
    const favourites = pick('favourites');
    const recents = pick('recents').filter((key) => !favourites.includes(key)).slice(0, 3);
    const shelf = (title, keys) => {
      if (!keys.length) return [];
      const section = document.createElement('section'), heading = document.createElement('h2'), items = document.createElement('ul');
      heading.textContent = title;
      items.append(...keys.map((key) => {
        const role = known.get(key), item = role.item.cloneNode(true), account = document.createElement('p');
        item.hidden = false;
        account.className = 'where';
        account.textContent = role.name;
        $('.role', item).prepend(account);
        return item;
      }));
      section.append(heading, items);
      return [section];
    };
    quick.replaceChildren(...shelf('Favourites', favourites), ...shelf('Recent', recents));
    for (const button of $$('.star')) button.setAttribute('aria-pressed', favourites.includes(keyOf(button.form)));
    quick.hidden = !quick.firstChild || search.value.trim() !== '';
  }

  function keyOf(form) {
    const { account, permission_set: set, variant } = form.elements;
    return `${account.value}/${set.value}${variant.value && '@' + variant.value}`;
  }

  document.addEventListener('click', (event) => {
    const button = event.target.closest('.star');
    if (!button) return;
    const key = keyOf(button.form), favourites = pick('favourites'), had = favourites.includes(key), inShelf = quick.contains(button);
    save('favourites', had ? favourites.filter((other) => other !== key) : [...favourites, key]);
    shelves();
    // A star on the shelf has gone with its card: its twin in the list takes the focus.
    if (inShelf) $('.star', known.get(key).form).focus({ preventScroll: true });
  });

  document.addEventListener('submit', (event) => {
    if (event.target === search.form) {
      if ('narrowed' in count.dataset) return;
      event.preventDefault();
      walk(null, 1, 0, '#accounts');
    } else if (event.target.elements.permission_set) {
      const key = keyOf(event.target);
      save('recents', [key, ...load('recents').filter((other) => other !== key)].slice(0, 12));
    }
  });

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean).map((word) => /^[\d-]{5,}$/.test(word) ? word.replaceAll('-', '') : word);
    let roles = 0, places = 0;
    for (const account of accounts) {
      const missing = words.filter((word) => !account.text.includes(word));
      let shown = 0;
      for (const role of account.roles) {
        const hit = missing.every((word) => role.text.includes(word));
        if (role.item.hidden === hit) role.item.hidden = !hit;
        shown += hit;
      }
      if (account.element.hidden === shown > 0) account.element.hidden = !shown;
      roles += shown;
      places += shown > 0;
    }
    count.textContent = words.length ? `${plural(roles, 'role')} in ${plural(places, 'account')}` : unfiltered;
    nothing.hidden = roles > 0;
    quick.hidden = words.length > 0 || !quick.firstChild;
  }

  // Down and up walk from role to role, left and right between a role's buttons; Tab and Enter stay as they are.
  const actions = (item) => $$('button:not(.star), a', item);
  function walk(from, step, column, shelf = ':is(#quick:not([hidden]), #accounts)') {
    const items = $$(`${shelf} li:not([hidden])`);
    for (let at = items.indexOf(from) + step; items[at]; at += step) {
      const row = actions(items[at]);
      if (row.length) {
        (row[column] ?? row[0]).focus();
        return;
      }
    }
    if (step < 0) search.focus();
  }
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest('input, select, textarea');
    if (event.key === '/' && !typing) {
      event.preventDefault();
      search.select();
      search.focus();
    } else if (event.key === 'Escape' && event.target === search && search.value) {
      event.preventDefault();
      search.value = '';
      filter();
    } else if (event.key === 'ArrowDown' && event.target === search) {
      event.preventDefault();
      walk(null, 1, 0);
    } else if (event.key.startsWith('Arrow') && !typing) {
      const item = event.target.closest('li');
      const row = item ? actions(item) : [], column = row.indexOf(event.target);
      if (column < 0) return;
      event.preventDefault();
      const step = event.key === 'ArrowLeft' || event.key === 'ArrowUp' ? -1 : 1;
      if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') row[column + step]?.focus();
      else walk(item, step, column);
    }
  });

  if (!('narrowed' in count.dataset)) {
    search.form.classList.add('instant');
    $('kbd', search.form).hidden = false;
    search.addEventListener('input', filter);
    filter();
  }
  shelves();
  // Back from another page, and another tab's stars.
  addEventListener('pageshow', (event) => event.persisted && shelves());
  addEventListener('storage', shelves);
}

function countdowns(times) {
  const words = (seconds) => {
    const hours = Math.floor(seconds / 3600), minutes = Math.floor(seconds / 60) % 60;
    if (hours) return `${hours} h ${minutes} min`;
    return minutes >= 10 ? `${minutes} min` : `${minutes} min ${String(seconds % 60).padStart(2, '0')} s`;
  };
  const tick = () => {
    for (const time of times) {
      const seconds = Math.max(0, Math.floor((Date.parse(time.dateTime) - Date.now()) / 1000));
      if (Number.isNaN(seconds)) continue;
      time.textContent = words(seconds);
      const over = time.dataset.countdown === 'valid' && $('#expiry');
      if (over) {
        over.classList.toggle('soon', seconds < 300 && seconds > 0);
        over.classList.toggle('over', seconds === 0);
      }
    }
  };
  tick();
  setInterval(tick, 1000);
}

function copyButtons(buttons) {
  if (!navigator.clipboard) return;
  for (const button of buttons) {
    const word = button.textContent;
    button.hidden = false;
    button.addEventListener('click', async () => {
      const done = await navigator.clipboard.writeText($(`#${button.dataset.copy}`).textContent).then(() => true, () => false);
      $('#said').textContent = button.textContent = done ? 'Copied' : 'Not allowed';
      button.classList.toggle('done', done);
      setTimeout(() => { button.textContent = word; button.classList.remove('done'); $('#said').textContent = ''; }, 2000);
    });
  }
}

function localTimes(times) {
  const format = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
  for (const time of times) {
    const date = new Date(time.dateTime);
    if (Number.isNaN(date.getTime())) continue;
    time.title = time.textContent;
    time.textContent = format.format(date);
  }
}

function rememberFormat(radios) {
  const [last] = load('format');
  for (const radio of radios) {
    if (radio.value === last) radio.checked = true;
    radio.addEventListener('change', () => save('format', [radio.value]));
  }
}

// A page that only hands the browser on does not wait for its button.
$('form[data-send]')?.submit();

// One answer may serve the questions of other tabs: they hear of it when the answer has arrived, and look again, which
// leads them on.
function waits(form) {
  const tabs = new BroadcastChannel('answers');
  tabs.addEventListener('message', () => location.reload());
  form.addEventListener('submit', () => addEventListener('pagehide', () => tabs.postMessage('')));
}

const list = $('#accounts');
if (list) portal(list);
countdowns($$('time[data-countdown]'));
copyButtons($$('button[data-copy]'));
localTimes($$('time[data-local]'));
rememberFormat($$('input[name=format]'));
const question = $('form[data-waits]');
if (question) waits(question);
