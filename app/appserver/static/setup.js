// The app's setup page. It reads and writes tclookup.conf and the stored
// passwords of realm tclookup through splunkd's own REST endpoints, as Splunk
// Web passes them on; the app has no server code. An API key goes into the
// stored passwords only and is never read back.
(function () {
  'use strict';

  // settings: made from the table in internal/config; run "go run ./internal/cmd/apptool setup"
  var SETTINGS = [
    {"stanza":"tclookup","key":"data_dir","kind":"path","note":"in Splunk `$SPLUNK_HOME/var/lib/tclookup`, else the user's cache directory","meaning":"directory of the cache, the queue and local intelligence"},
    {"stanza":"tclookup","key":"sources","kind":"list of words","note":"all enabled sources","meaning":"names of the sources to ask"},
    {"stanza":"tclookup","key":"suffixes","kind":"list of domains","note":"none","meaning":"domain suffixes that count as public besides those of the Public Suffix List"},
    {"stanza":"tclookup","key":"type","kind":"word","default":"auto","words":["auto","domain","ip","email","hash","antivirus"],"meaning":"type of the values; `auto` decides for each value and never takes one for an antivirus name"},
    {"stanza":"tclookup","key":"output","kind":"list of words","default":"summary","meaning":"output fields: `summary`, `full`, `json`, or names without prefix such as `verdict, votes`"},
    {"stanza":"tclookup","key":"prefix","kind":"text","note":"`tc_`, with several fields `{field}_tc_`","meaning":"what the names of output fields begin with; `{field}` stands for the name of the input field"},
    {"stanza":"tclookup","key":"mode","kind":"word","default":"live","words":["live","cache","queue"],"meaning":"`live` asks sources within the budgets, `cache` never leaves the machine, `queue` leaves unknown values to the background drain"},
    {"stanza":"tclookup","key":"max_wait","kind":"duration","default":"30s","meaning":"longest time one run waits for sources and limits altogether; `0` is no bound, on the command line only"},
    {"stanza":"tclookup","key":"max_lookups","kind":"number","default":"0","max":2147483647,"meaning":"most requests one run sends to sources; `0` is no bound"},
    {"stanza":"tclookup","key":"list_limit","kind":"number","default":"50","max":2147483647,"meaning":"most elements shown of each list; `0` shows all"},
    {"stanza":"tclookup","key":"cim","kind":"yes or no","default":"false","meaning":"also write the field names that Splunk's data models expect"},
    {"stanza":"tclookup","key":"kvstore","kind":"yes or no","default":"false","meaning":"in Splunk: also write answers into the KV store, for the lookup `tclookup_kv` and automatic lookups"},
    {"stanza":"tclookup","key":"log_level","kind":"word","default":"info","words":["debug","info","warn","error"],"meaning":"least important messages that are logged"},
    {"stanza":"tclookup","key":"log_format","kind":"word","default":"text","words":["text","json"],"meaning":"how messages are written"},
    {"stanza":"cache","key":"memory_entries","kind":"number","default":"100000","min":1,"max":100000000,"meaning":"most answers held in memory"},
    {"stanza":"cache","key":"ttl_found","kind":"duration","default":"24h","meaning":"how long an answer is fresh when a source knows the value"},
    {"stanza":"cache","key":"ttl_not_found","kind":"duration","default":"6h","meaning":"the same when no source knows it"},
    {"stanza":"cache","key":"ttl_jitter","kind":"percentage","default":"10%","max":50,"meaning":"by how much the time of each answer varies, so that not all expire at once"},
    {"stanza":"cache","key":"stale_for","kind":"duration","default":"7d","meaning":"how long after that an answer still serves when the source cannot be asked"},
    {"stanza":"cache","key":"disk","kind":"yes or no","default":"true","meaning":"keep answers on disk, shared by all runs"},
    {"stanza":"cache","key":"max_disk","kind":"size","default":"1GiB","meaning":"most space the answers take on disk"},
    {"stanza":"cache","key":"ttl_found_domain","kind":"duration","note":"`ttl_found`","meaning":"`ttl_found` of domains"},
    {"stanza":"cache","key":"ttl_found_ip","kind":"duration","note":"`ttl_found`","meaning":"`ttl_found` of IP addresses"},
    {"stanza":"cache","key":"ttl_found_email","kind":"duration","note":"`ttl_found`","meaning":"`ttl_found` of e-mail addresses"},
    {"stanza":"cache","key":"ttl_found_hash","kind":"duration","note":"`ttl_found`","meaning":"`ttl_found` of file hashes"},
    {"stanza":"cache","key":"ttl_found_antivirus","kind":"duration","note":"`ttl_found`","meaning":"`ttl_found` of antivirus names"},
    {"stanza":"cache","key":"ttl_not_found_domain","kind":"duration","note":"`ttl_not_found`","meaning":"`ttl_not_found` of domains"},
    {"stanza":"cache","key":"ttl_not_found_ip","kind":"duration","note":"`ttl_not_found`","meaning":"`ttl_not_found` of IP addresses"},
    {"stanza":"cache","key":"ttl_not_found_email","kind":"duration","note":"`ttl_not_found`","meaning":"`ttl_not_found` of e-mail addresses"},
    {"stanza":"cache","key":"ttl_not_found_hash","kind":"duration","note":"`ttl_not_found`","meaning":"`ttl_not_found` of file hashes"},
    {"stanza":"cache","key":"ttl_not_found_antivirus","kind":"duration","note":"`ttl_not_found`","meaning":"`ttl_not_found` of antivirus names"},
    {"stanza":"cache","key":"ttl_malicious","kind":"duration","note":"the type's","meaning":"how long a found answer is fresh when its verdict is malicious; counts before the type's time"},
    {"stanza":"cache","key":"ttl_suspicious","kind":"duration","note":"the type's","meaning":"the same when it is suspicious"},
    {"stanza":"cache","key":"ttl_harmless","kind":"duration","note":"the type's","meaning":"the same when it is harmless"},
    {"stanza":"cache","key":"ttl_unknown","kind":"duration","note":"the type's","meaning":"the same when it is unknown"},
    {"stanza":"exclude","key":"cidr","kind":"list of networks","note":"none","meaning":"networks and addresses that are never sent to a source"},
    {"stanza":"exclude","key":"suffix","kind":"list of domains","note":"none","meaning":"domains that, with everything below them, are never sent to a source"},
    {"stanza":"exclude","key":"allowlist_file","kind":"path","note":"none","meaning":"file of values that are never sent to a source, one a line"},
    {"stanza":"exclude","key":"defaults","kind":"yes or no","default":"true","meaning":"exclude private and reserved addresses and internal names too"},
    {"stanza":"source:<name>","key":"kind","kind":"word","note":"the name of the source","words":["threatcrowd","local"],"meaning":"which API the server speaks; `local` is intelligence of one's own, without a server"},
    {"stanza":"source:<name>","key":"enabled","kind":"yes or no","default":"true","meaning":"whether the source is asked"},
    {"stanza":"source:<name>","key":"base_url","kind":"URL","note":"none: the source is not asked","meaning":"where the server is, such as `https://tc.example.com`"},
    {"stanza":"source:<name>","key":"types","kind":"list of words","default":"domain, ip, email, hash, antivirus","words":["domain","ip","email","hash","antivirus"],"meaning":"types of values the source is asked for"},
    {"stanza":"source:<name>","key":"rate","kind":"rate","default":"6/m","meaning":"most requests in the long run, counted over all processes of the host"},
    {"stanza":"source:<name>","key":"burst","kind":"number","default":"5","min":1,"max":1000000,"meaning":"most requests sent at once after a pause"},
    {"stanza":"source:<name>","key":"daily_limit","kind":"number","default":"0","max":2147483647,"meaning":"most requests in a UTC day; `0` is no bound"},
    {"stanza":"source:<name>","key":"timeout","kind":"duration","default":"20s","meaning":"longest time one request may take"},
    {"stanza":"source:<name>","key":"proxy","kind":"proxy URL","note":"as `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say","meaning":"proxy on the way to the server; `none` goes directly"},
    {"stanza":"source:<name>","key":"ca_file","kind":"path","note":"the system's","meaning":"PEM file of the certificate authorities trusted for this server"},
    {"stanza":"source:<name>","key":"insecure_tls","kind":"yes or no","default":"false","meaning":"trust any certificate; for tests only"},
    {"stanza":"source:<name>","key":"api_key","kind":"secret","note":"none","meaning":"key that the server asks for"},
    {"stanza":"source:<name>","key":"stored_key","kind":"yes or no","default":"false","meaning":"in Splunk: the key is in `storage/passwords`, under the realm `tclookup` and the source's name"},
    {"stanza":"source:<name>","key":"database","kind":"secret","note":"a file in `data_dir`","meaning":"of the kind `local`: a PostgreSQL database, such as `postgres://user@host/name`, with a password if it needs one"},
    {"stanza":"source:<name>","key":"concurrency","kind":"number","default":"4","min":1,"max":64,"meaning":"most requests under way at the same time"},
    {"stanza":"source:<name>","key":"retries","kind":"number","default":"3","max":10,"meaning":"how often a failed request is repeated"},
    {"stanza":"source:<name>","key":"break_after","kind":"number","default":"5","max":1000,"meaning":"consecutive failures after which the source is left alone; `0` is never"},
    {"stanza":"source:<name>","key":"cooldown","kind":"duration","default":"60s","meaning":"for how long it is left alone"},
    {"stanza":"feed:<name>","key":"url","kind":"URL of a file","note":"none: the feed is not downloaded","meaning":"where the feed is"},
    {"stanza":"feed:<name>","key":"enabled","kind":"yes or no","default":"true","meaning":"whether the feed is downloaded"},
    {"stanza":"feed:<name>","key":"format","kind":"word","default":"auto","words":["auto","list","csv","misp","stix","threatcrowd"],"meaning":"how it is written; `auto` decides by the content"},
    {"stanza":"feed:<name>","key":"verdict","kind":"word","default":"malicious","words":["malicious","suspicious","harmless","unknown"],"meaning":"verdict of values about which the feed says none"},
    {"stanza":"feed:<name>","key":"columns","kind":"list of words","note":"the usual names","meaning":"what the columns of a CSV feed mean, such as `value=ioc, last_seen=date`"},
    {"stanza":"feed:<name>","key":"interval","kind":"duration","default":"1h","meaning":"least time between two downloads"},
    {"stanza":"feed:<name>","key":"auth_header","kind":"text","default":"Authorization","meaning":"name of the header field that `auth` is sent in"},
    {"stanza":"feed:<name>","key":"auth","kind":"secret","note":"none","meaning":"what the server asks for, such as a key, or `Bearer` and a token"},
    {"stanza":"feed:<name>","key":"proxy","kind":"proxy URL","note":"as `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say","meaning":"proxy on the way to the server; `none` goes directly"},
    {"stanza":"feed:<name>","key":"ca_file","kind":"path","note":"the system's","meaning":"PEM file of the certificate authorities trusted for this server"},
    {"stanza":"feed:<name>","key":"timeout","kind":"duration","default":"60s","meaning":"longest time one request may take"},
    {"stanza":"feed:<name>","key":"max_size","kind":"size","default":"64MiB","meaning":"most that is downloaded; it is held in memory"},
    {"stanza":"feed:<name>","key":"allow_private","kind":"yes or no","default":"false","meaning":"the server may be in the own network; else only public addresses are connected to"}
  ];
  // /settings

  var APP = 'tclookup';
  var ANY_SOURCE = 'source:<name>';
  // Sections of the page, by stanza; stanzas that are not here stand below.
  var TITLES = { exclude: 'Exclusions', tclookup: 'Defaults of the commands', cache: 'Cache', server: 'The command "tclookup serve", which runs outside of Splunk' };
  // What there may be several of, with a name for each. What one is about (first)
  // stands above, the rest is folded away.
  var GROUPS = {
    source: { title: 'Source', article: 'A source', first: ['enabled', 'base_url', 'api_key', 'rate', 'daily_limit'], address: 'base_url', added: ' is written when you save.' },
    feed: { title: 'Feed', article: 'A feed', first: ['enabled', 'url', 'interval', 'format', 'verdict'], address: 'url', added: ' needs its url; then save.' }
  };
  // stored_key follows from whether a key is stored, nobody sets it.
  var FOLLOWS = ['stored_key'];

  // ---- splunkd ----

  // base is what stands before /app/ in the address: the root endpoint and the
  // language.
  function base() {
    var path = window.location.pathname;
    var i = path.indexOf('/app/');
    return i < 0 ? '/en-US' : path.slice(0, i);
  }

  // formKey is the token against forged requests, which Splunk Web keeps in a
  // cookie with its port in the name; behind a proxy the port is another one.
  function formKey() {
    var prefix = 'splunkweb_csrf_token_';
    var port = String((window.$C && window.$C.MRSPARKLE_PORT_NUMBER) || window.location.port || '');
    var any = '';
    var cookies = document.cookie.split(';');
    for (var i = 0; i < cookies.length; i++) {
      var c = cookies[i].trim();
      if (c.indexOf(prefix) !== 0) { continue; }
      var eq = c.indexOf('=');
      var value = decodeURIComponent(c.slice(eq + 1));
      if (c.slice(prefix.length, eq) === port) { return value; }
      any = value;
    }
    return any;
  }

  function RestError(status, text) {
    this.status = status;
    this.message = text;
  }

  // rest calls an endpoint; params is an array of [name, value]. It resolves
  // with the decoded answer.
  function rest(method, endpoint, params) {
    var url = base() + '/splunkd/__raw' + endpoint + '?output_mode=json';
    var encoded = (params || []).map(function (p) {
      return encodeURIComponent(p[0]) + '=' + encodeURIComponent(p[1]);
    }).join('&');
    var init = {
      method: method, credentials: 'same-origin', cache: 'no-store',
      headers: { 'X-Requested-With': 'XMLHttpRequest', 'X-Splunk-Form-Key': formKey() }
    };
    if (method === 'POST') {
      init.headers['Content-Type'] = 'application/x-www-form-urlencoded; charset=UTF-8';
      init.body = encoded;
    } else if (encoded) {
      url += '&' + encoded;
    }
    return window.fetch(url, init).then(function (r) {
      return r.text().then(function (body) {
        var data = null;
        try { data = JSON.parse(body); } catch (e) { /* a page of an error, or of a login */ }
        if (r.ok && data) { return data; }
        var texts = ((data && data.messages) || []).map(function (m) { return m.text; });
        throw new RestError(r.ok ? 0 : r.status, texts.join(' ') || (r.ok ? 'no JSON came back; is the session over? Log in again' : 'HTTP status ' + r.status));
      });
    });
  }

  function ns(path) { return '/servicesNS/nobody/' + APP + path; }

  function stanzaPath(stanza) { return ns('/configs/conf-' + APP) + (stanza ? '/' + encodeURIComponent(stanza) : ''); }

  // passwordPath names one stored password; a colon within a name is escaped.
  function passwordPath(name) {
    return ns('/storage/passwords') + (name ? '/' + encodeURIComponent(APP + ':' + name.replace(/([\\:])/g, '\\$1') + ':') : '');
  }

  // ---- checks, the same as the program's but for what only it can know ----

  var DURATION = /^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h|d|w))+$|^\d+(\.\d+)?$/;
  var CHECKS = {
    'number': function (v, s) {
      if (!/^\d+$/.test(v)) { return 'a whole number'; }
      var n = Number(v), least = s.min || 0;
      return n < least || n > s.max ? 'a number from ' + least + ' to ' + s.max : '';
    },
    'duration': function (v) { return DURATION.test(v) ? '' : 'a time such as 500ms, 30s, 15m, 24h or 7d'; },
    'size': function (v) { return /^\d+(\.\d+)?\s*([kKMGT]i?B?|B)?$/.test(v) ? '' : 'a size such as 256MiB or 1GiB'; },
    'percentage': function (v, s) {
      return /^\d+(\.\d+)?\s*%?$/.test(v) && parseFloat(v) <= s.max ? '' : 'a percentage from 0% to ' + s.max + '%';
    },
    'rate': function (v) { return v === 'unlimited' || /^\d+(\.\d+)?\/[smhd]$/.test(v) ? '' : 'a rate such as 6/m, 0.1/s, 500/d, or unlimited'; },
    'address': function (v) { return /^(\[[0-9A-Fa-f:.]+\]|[^\s:\/]*):\d{1,5}$/.test(v) ? '' : 'host:port, such as 127.0.0.1:8080'; },
    'URL': function (v) { return /^https?:\/\/[^\s/?#]+[^\s?#]*$/.test(v) ? '' : 'an address that begins with https:// or http://'; },
    'URL of a file': function (v) {
      return /^https?:\/\/[^\s\/?#@]+([\/?][^\s#]*)?$/.test(v) ? '' : 'an address that begins with https:// or http://, without a password';
    },
    'proxy URL': function (v) {
      if (v === 'none') { return ''; }
      if (/^[a-z0-9]+:\/\/[^/]*@/.test(v)) {
        return 'an address without a password: .conf files are readable. One with a password goes into the environment of splunkd';
      }
      return /^(https?|socks5h?):\/\/[^\s/?#]+\/?$/.test(v) ? '' : 'none, or an address such as http://proxy.example.com:3128';
    }
  };

  // wrong says what is allowed if a value is not; an empty one is the default.
  function wrong(setting, value) {
    if (value === '') { return ''; }
    if (/[\r\n]/.test(value) || /\\$/.test(value)) { return 'one line that does not end in a backslash'; }
    var check = CHECKS[setting.kind];
    return check ? check(value, setting) : '';
  }

  // ---- the page ----

  function el(tag, attributes, children) {
    var e = document.createElement(tag);
    Object.keys(attributes || {}).forEach(function (k) { e.setAttribute(k, attributes[k]); });
    (children || []).forEach(function (c) { e.appendChild(typeof c === 'string' ? document.createTextNode(c) : c); });
    return e;
  }

  // prose turns `code` of the table into elements.
  function prose(text) {
    return text.split('`').map(function (part, i) { return i % 2 ? el('code', {}, [part]) : part; });
  }

  var fields = [];   // {stanza, setting, input, error, saved}
  var stanzas = {};  // those that exist, by name: {removable}
  var keys = {};     // names with a stored key
  var keysReadable = true;
  var count = 0;
  var root, statusLine;

  function say(text, kind) {
    statusLine.textContent = text;
    statusLine.className = 'tc-status' + (kind ? ' tc-' + kind : '');
  }

  // pattern is the name under which the table has a stanza: source:<name> for
  // source:lab.
  function pattern(stanza) {
    var colon = stanza.indexOf(':');
    return colon < 0 ? stanza : stanza.slice(0, colon + 1) + '<name>';
  }

  function settingsOf(stanza) {
    return SETTINGS.filter(function (s) { return s.stanza === pattern(stanza); });
  }

  // isKey says whether a secret is kept in the stored passwords; for others the
  // program reads the environment alone.
  function isKey(setting) { return setting.kind === 'secret' && setting.key === 'api_key' && setting.stanza === ANY_SOURCE; }

  function variable(stanza, setting) {
    return ('tclookup_' + (stanza === APP ? '' : stanza + '_') + setting.key).replace(/[^A-Za-z0-9]/g, '_').toUpperCase();
  }

  function isTrue(v) { return /^(true|t|yes|y|1)$/i.test(v); }

  function control(setting, value, id) {
    var attributes = { id: id, 'aria-describedby': id + '-help ' + id + '-wrong' };
    if (setting.kind === 'secret') {
      attributes.type = 'password';
      attributes.autocomplete = 'new-password';
      if (!isKey(setting)) { attributes.disabled = ''; }
      return el('input', attributes);
    }
    var words = setting.kind === 'yes or no' ? ['true', 'false'] : setting.kind === 'word' ? setting.words : null;
    if (words) {
      var select = el('select', attributes, words.map(function (w) { return el('option', { value: w }, [w]); }));
      if (!setting.default || words.indexOf(value) < 0) {
        // Where nothing is set, or something that only a file can say.
        select.insertBefore(el('option', { value: '' }, ['default: ' + (setting.default || plain(setting.note))]), select.firstChild);
      }
      select.value = words.indexOf(value) < 0 ? '' : value;
      return select;
    }
    attributes.type = 'text';
    attributes.spellcheck = 'false';
    attributes.placeholder = setting.default || plain(setting.note);
    var input = el('input', attributes);
    input.value = value;
    return input;
  }

  function plain(text) { return (text || '').replace(/`/g, ''); }

  function row(stanza, setting, content) {
    count++;
    var id = 'tc-' + count;
    var value = content[setting.key] === undefined || content[setting.key] === null ? '' : String(content[setting.key]);
    if (setting.kind === 'yes or no' && value !== '') { value = isTrue(value) ? 'true' : 'false'; }
    if (setting.kind === 'secret') { value = ''; }
    var input = control(setting, value, id);
    var help = el('div', { 'class': 'tc-help', id: id + '-help' }, prose(setting.meaning));
    var error = el('div', { 'class': 'tc-wrong', id: id + '-wrong' });
    var field = { stanza: stanza, setting: setting, input: input, error: error, saved: input.value };
    input.setAttribute('data-stanza', stanza);
    input.setAttribute('data-key', setting.key);
    if (isKey(setting)) { describeKey(field, help); }
    if (setting.kind === 'secret' && !isKey(setting)) {
      prose('. It is a secret: set it with the environment variable `' + variable(stanza, setting) + '` of the program, not in a file.').forEach(function (n) {
        help.appendChild(typeof n === 'string' ? document.createTextNode(n) : n);
      });
    }
    input.addEventListener('input', function () { judge(field); });
    input.addEventListener('change', function () { judge(field); });
    fields.push(field);
    return el('div', { 'class': 'tc-setting' }, [el('label', { 'for': id }, [setting.key]), input, help, error]);
  }

  // groupOf and nameOf are the parts of the name of a stanza such as source:lab.
  function groupOf(stanza) { return stanza.slice(0, Math.max(stanza.indexOf(':'), 0)); }
  function nameOf(stanza) { return stanza.slice(stanza.indexOf(':') + 1); }

  function describeKey(field, help) {
    var name = nameOf(field.stanza);
    field.input.placeholder = keys[name] ? 'a key is stored; write another to replace it' : 'none';
    help.textContent = 'Key that the server asks for. It is kept in Splunk\'s stored passwords (realm ' + APP + ', name ' + name + '), never in a file, and is not shown again.';
    if (!keysReadable) {
      help.textContent += ' Whether one is stored cannot be seen: you lack the capability list_storage_passwords.';
    }
    if (keys[name]) {
      var button = el('button', { type: 'button', 'class': 'btn tc-forget' }, ['Delete the stored key']);
      button.addEventListener('click', function () { forget(name, field.stanza); });
      help.appendChild(document.createTextNode(' '));
      help.appendChild(button);
    }
  }

  function judge(field) {
    var value = field.input.value.trim();
    var w = field.setting.kind === 'secret' ? '' : wrong(field.setting, value);
    field.error.textContent = w ? 'Allowed: ' + w : '';
    field.input.setAttribute('aria-invalid', w ? 'true' : 'false');
    field.input.classList.toggle('tc-changed', field.input.value !== field.saved);
    return !w;
  }

  function section(title, stanza, content) {
    var box = el('fieldset', {}, [el('legend', {}, [title])]);
    settingsOf(stanza).forEach(function (s) { box.appendChild(row(stanza, s, content)); });
    return box;
  }

  function namedSection(stanza, content) {
    var group = groupOf(stanza), title = GROUPS[group].title, first = GROUPS[group].first;
    var attributes = {};
    attributes['data-' + group] = nameOf(stanza);
    var box = el('fieldset', attributes, [el('legend', {}, [title + ' ' + nameOf(stanza)])]);
    var more = el('details', {}, [el('summary', {}, ['More settings of this ' + group])]);
    var all = settingsOf(stanza).filter(function (s) { return FOLLOWS.indexOf(s.key) < 0; });
    first.forEach(function (key) {
      all.filter(function (s) { return s.key === key; }).forEach(function (s) { box.appendChild(row(stanza, s, content)); });
    });
    all.filter(function (s) { return first.indexOf(s.key) < 0; }).forEach(function (s) { more.appendChild(row(stanza, s, content)); });
    box.appendChild(more);
    if (stanzas[stanza] && stanzas[stanza].removable) {
      var button = el('button', { type: 'button', 'class': 'btn tc-remove' }, ['Remove this ' + group]);
      button.addEventListener('click', function () { remove(stanza); });
      box.appendChild(el('div', {}, [button]));
    }
    return box;
  }

  // named draws all stanzas of a group, and the means to add one. The stanza
  // before is the first.
  function named(group, contents, before) {
    var box = el('div', {});
    Object.keys(contents).filter(function (s) { return groupOf(s) === group; }).sort(function (a, b) {
      return a === before ? -1 : b === before ? 1 : a < b ? -1 : 1;
    }).forEach(function (s) { box.appendChild(namedSection(s, contents[s])); });
    root.appendChild(box);
    // The ids of the first group, sources, are the short ones.
    var id = group === 'source' ? '' : '-' + group;
    var input = el('input', { type: 'text', id: 'tc-new' + id, spellcheck: 'false', placeholder: 'name of another ' + group });
    var button = el('button', { type: 'button', 'class': 'btn', id: 'tc-add' + id }, ['Add a ' + group]);
    button.addEventListener('click', function () { add(group, box, input); });
    root.appendChild(el('div', {}, [el('label', { 'for': 'tc-new' + id }, ['Another ' + group + ' ']), input, ' ', button]));
  }

  function add(group, to, nameInput) {
    var name = nameInput.value.trim(), g = GROUPS[group];
    if (!/^[a-z0-9][a-z0-9_.-]{0,63}$/.test(name)) {
      return say(g.article + ' needs a name in lower-case letters, digits, "-", "_" and ".".', 'bad');
    }
    var stanza = group + ':' + name;
    if (root.querySelector('[data-' + group + '="' + name + '"]')) { return say('There is a ' + group + ' ' + name + ' already.', 'bad'); }
    var box = namedSection(stanza, {});
    to.appendChild(box);
    var kind = fields.filter(function (f) { return f.stanza === stanza && f.setting.key === 'kind'; })[0];
    if (kind) {
      var words = kind.setting.words || [];
      kind.input.value = words.indexOf(name) < 0 ? words[0] : name;
      judge(kind);
    }
    nameInput.value = '';
    say(g.title + ' ' + name + g.added);
    box.querySelector('[data-key="' + g.address + '"]').focus();
  }

  function draw(entries) {
    fields = []; stanzas = {}; count = 0;
    var contents = {};
    entries.forEach(function (e) {
      stanzas[e.name] = { removable: !!(e.acl && e.acl.removable) };
      contents[e.name] = e.content || {};
    });
    root.textContent = '';
    root.appendChild(el('p', {}, prose('tclookup asks the servers named here about the domains, addresses, hashes and names in your searches. ' +
      'As delivered it asks nobody. Searches use what you save at once; nothing has to be restarted. ' +
      'An empty box stands for the default, which it shows in grey.')));
    root.appendChild(el('h2', {}, ['Whom to ask']));
    named('source', contents, 'source:threatcrowd');
    root.appendChild(el('h2', {}, ['Feeds']));
    root.appendChild(el('p', {}, prose('Feeds are downloaded into intelligence of your own, which answers before any server is asked. ' +
      'The input `tclookup://feeds` does that: enable it under Settings → Data inputs.')));
    named('feed', contents, '');
    root.appendChild(el('h2', {}, ['What is never sent']));
    root.appendChild(section(TITLES.exclude, 'exclude', contents.exclude || {}));
    root.appendChild(el('h2', {}, ['How searches behave']));
    root.appendChild(section(TITLES.tclookup, 'tclookup', contents.tclookup || {}));
    root.appendChild(section(TITLES.cache, 'cache', contents.cache || {}));
    others(contents).forEach(function (stanza) {
      root.appendChild(el('details', {}, [el('summary', {}, [TITLES[stanza] || 'Settings of [' + stanza + ']']), section('[' + stanza + ']', stanza, contents[stanza] || {})]));
    });
    var save = el('button', { type: 'button', 'class': 'btn btn-primary', id: 'tc-save' }, ['Save']);
    save.addEventListener('click', saveAll);
    var test = el('button', { type: 'button', 'class': 'btn', id: 'tc-test' }, ['Test']);
    test.addEventListener('click', tryOut);
    statusLine = el('span', { 'class': 'tc-status', role: 'status', 'aria-live': 'polite' });
    root.appendChild(el('div', { 'class': 'tc-bar' }, [save, test, statusLine]));
  }

  // others are the stanzas besides those above: fixed ones of the table, and
  // those of the configuration that the table has under a pattern.
  function others(contents) {
    var shown = ['exclude', 'tclookup', 'cache'];
    var fixed = SETTINGS.map(function (s) { return s.stanza; }).filter(function (s, i, all) { return all.indexOf(s) === i && s.indexOf('<') < 0; });
    var more = Object.keys(contents).filter(function (s) { return s.indexOf(':') > 0 && !GROUPS[groupOf(s)] && settingsOf(s).length > 0; });
    return fixed.concat(more).filter(function (s) { return shown.indexOf(s) < 0; });
  }

  // ---- what the buttons do ----

  function load() {
    return rest('GET', stanzaPath(), [['count', '0']]).then(function (conf) {
      // Only the names: the keys themselves have no business in a browser.
      return rest('GET', passwordPath(), [['count', '0'], ['search', 'realm=' + APP], ['f', 'realm'], ['f', 'username']]).then(function (list) {
        keys = {}; keysReadable = true;
        (list.entry || []).forEach(function (e) {
          if (e.content && e.content.realm === APP) { keys[e.content.username] = true; }
        });
      }, function (err) {
        if (err.status !== 403) { throw err; }
        keys = {}; keysReadable = false;
      }).then(function () { draw(conf.entry || []); });
    });
  }

  function explain(err) {
    if (err.status === 403 || err.status === 401) {
      return 'Splunk does not let you do that: ' + err.message + '\nThe page is for admin, sc_admin and the role tclookup_admin.';
    }
    return err.message || String(err);
  }

  function failed(what) {
    return function (err) {
      if (!statusLine) {
        root.textContent = '';
        statusLine = el('span', { 'class': 'tc-status', role: 'status' });
        root.appendChild(statusLine);
      }
      say(what + ': ' + explain(err), 'bad');
    };
  }

  // changes returns what is to be written, by stanza.
  function changes() {
    var out = {};
    fields.forEach(function (f) {
      if (f.setting.kind === 'secret' || f.input.value === f.saved) { return; }
      (out[f.stanza] = out[f.stanza] || []).push([f.setting.key, f.input.value.trim()]);
    });
    fields.forEach(function (f) {
      if (!isKey(f.setting) || f.input.value === '') { return; }
      (out[f.stanza] = out[f.stanza] || []).push(['stored_key', 'true']);
    });
    return out;
  }

  function storeKey(name, secret) {
    var create = [['name', name], ['realm', APP], ['password', secret]];
    function replace() { return rest('POST', passwordPath(name), [['password', secret]]); }
    if (keys[name]) { return replace(); }
    return rest('POST', passwordPath(), create).catch(function (err) {
      if (err.status === 409) { return replace(); } // it was there, and could not be seen
      throw err;
    });
  }

  function inOrder(list, each) {
    return list.reduce(function (p, x) { return p.then(function () { return each(x); }); }, Promise.resolve());
  }

  function saveAll() {
    var bad = fields.filter(function (f) { return !judge(f); });
    if (bad.length) {
      var folded = bad[0].input.closest('details');
      if (folded) { folded.open = true; }
      bad[0].input.focus();
      return say('Nothing was saved: ' + bad.length + (bad.length === 1 ? ' value is' : ' values are') + ' not allowed.', 'bad');
    }
    var secrets = fields.filter(function (f) { return isKey(f.setting) && f.input.value !== ''; });
    var todo = changes();
    say('Saving …');
    // Keys first: a source that is said to have a stored key has one.
    return inOrder(secrets, function (f) { return storeKey(nameOf(f.stanza), f.input.value); }).then(function () {
      return inOrder(Object.keys(todo), function (stanza) {
        return stanzas[stanza] ? rest('POST', stanzaPath(stanza), todo[stanza]) : rest('POST', stanzaPath(), [['name', stanza]].concat(todo[stanza]));
      });
    }).then(function () {
      return rest('POST', '/services/apps/local/' + APP, [['configured', 'true']]);
    }).then(load).then(function () {
      say('Saved. Searches use it from now on.', 'good');
    }).catch(failed('Not everything was saved'));
  }

  function forget(name, stanza) {
    say('Deleting the key …');
    return rest('DELETE', passwordPath(name)).then(function () {
      return rest('POST', stanzaPath(stanza), [['stored_key', 'false']]);
    }).then(load).then(function () { say('The key of ' + name + ' is deleted.', 'good'); }).catch(failed('The key was not deleted'));
  }

  function remove(stanza) {
    var name = nameOf(stanza), title = GROUPS[groupOf(stanza)].title;
    var key = pattern(stanza) === ANY_SOURCE && keys[name]; // a feed of the same name has none there
    say('Removing ' + name + ' …');
    return (key ? rest('DELETE', passwordPath(name)) : Promise.resolve()).then(function () {
      return rest('DELETE', stanzaPath(stanza));
    }).then(load).then(function () { say(title + ' ' + name + ' is removed.', 'good'); }).catch(failed(title + ' ' + name + ' was not removed'));
  }

  // tryOut has the program read its configuration: an address that is never
  // sent anywhere goes through the command.
  function tryOut() {
    if (fields.some(function (f) { return f.input.value !== f.saved; })) { return say('Save first: the test is of what is saved.', 'bad'); }
    say('The command runs …');
    var search = '| makeresults | eval ioc="192.0.2.1" | tclookup field=ioc mode=cache output="status,error" | append [| tcstatus]';
    return rest('POST', ns('/search/jobs'), [['search', search], ['exec_mode', 'oneshot'], ['count', '0']]).then(function (r) {
      var texts = (r.messages || []).filter(function (m) { return /error|fatal|warn/i.test(m.type); }).map(function (m) { return m.text; });
      var active = (r.results || []).filter(function (x) { return x.section === 'source' && x.metric === 'active' && x.value === '1'; });
      if (!(r.results || []).some(function (x) { return x.tc_status; })) { throw new RestError(0, texts.join('\n') || 'the command gave no answer'); }
      var lines = active.length ? active.map(function (x) { return x.name + ' ' + x.note + '.'; }) : ['No source is asked: set base_url of one.'];
      say(['The command runs and takes its configuration.'].concat(lines, texts).join('\n'), active.length ? 'good' : 'bad');
    }).catch(failed('The command does not run'));
  }

  function start() {
    root = document.getElementById('tclookup-setup');
    if (!root) { return window.setTimeout(start, 50); } // Splunk Web draws panels late
    return load().catch(failed('The configuration cannot be read'));
  }
  start();
}());
