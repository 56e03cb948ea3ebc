//! The places that are known by name: where anybody can leave data without a name, who tells a host its own address,
//! and which hosts are the public interface of what a package may be named after.

use super::DropPlace;

/// A place: an ending of the host, a part of the path (empty for all of it), and what it is.
pub(super) struct Known {
    pub(super) host: &'static str,
    pub(super) path: &'static str,
    pub(super) drop: DropPlace,
}

const fn at(host: &'static str, drop: DropPlace) -> Known {
    Known { host, path: "", drop }
}

const fn hook(host: &'static str, path: &'static str) -> Known {
    Known {
        host,
        path,
        drop: DropPlace::Messenger,
    }
}

/// Where anybody can leave or take data without a name.
#[rustfmt::skip]
pub(super) static DROPS: &[Known] = &[
    // What is sent there can be read by whoever made up the address.
    at("beeceptor.com", DropPlace::Catcher), at("hookbin.com", DropPlace::Catcher), at("httpdump.app", DropPlace::Catcher),
    at("kvdb.io", DropPlace::Catcher), at("mockbin.io", DropPlace::Catcher), at("mocky.io", DropPlace::Catcher),
    at("pipedream.net", DropPlace::Catcher), at("postb.in", DropPlace::Catcher), at("ptsv2.com", DropPlace::Catcher),
    at("ptsv3.com", DropPlace::Catcher), at("putsreq.com", DropPlace::Catcher), at("rbaskets.in", DropPlace::Catcher),
    at("requestbin.cn", DropPlace::Catcher), at("requestbin.com", DropPlace::Catcher), at("requestbin.io", DropPlace::Catcher),
    at("requestbin.net", DropPlace::Catcher), at("requestcatcher.com", DropPlace::Catcher), at("requestinspector.com", DropPlace::Catcher),
    at("smee.io", DropPlace::Catcher), at("webhook-test.com", DropPlace::Catcher), at("webhook.cool", DropPlace::Catcher),
    at("webhook.site", DropPlace::Catcher), at("paste.bingner.com", DropPlace::Paste), at("dl.dropbox.com", DropPlace::Files),
    at("oast.asia", DropPlace::Callback), at("requestbin.fullcontact.com", DropPlace::Catcher),
    // Chats that take messages from whoever has the address.
    hook("discord.com", "/webhooks"), hook("discordapp.com", "/webhooks"), hook("api.telegram.org", ""),
    hook("hooks.slack.com", ""), hook("hooks.zapier.com", ""), hook("maker.ifttt.com", ""),
    hook("oapi.dingtalk.com", "/robot"), hook("open.feishu.cn", "/bot"), hook("open.larksuite.com", "/bot"),
    hook("qyapi.weixin.qq.com", "/webhook"), hook("webhook.office.com", ""), hook("ntfy.sh", ""),
    hook("api.pushbullet.com", ""), hook("api.pushover.net", ""), hook("sctapi.ftqq.com", ""), hook("api.day.app", ""),
    // Texts.
    at("0x0.st", DropPlace::Paste), at("controlc.com", DropPlace::Paste), at("dpaste.com", DropPlace::Paste), at("dpaste.org", DropPlace::Paste),
    at("ghostbin.com", DropPlace::Paste), at("gist.github.com", DropPlace::Paste), at("gist.githubusercontent.com", DropPlace::Paste),
    at("hastebin.com", DropPlace::Paste), at("ix.io", DropPlace::Paste), at("jsonblob.com", DropPlace::Paste),
    at("jsonkeeper.com", DropPlace::Paste), at("justpaste.it", DropPlace::Paste), at("npoint.io", DropPlace::Paste),
    at("paste.ee", DropPlace::Paste), at("paste.fo", DropPlace::Paste), at("paste.rs", DropPlace::Paste), at("pastebin.com", DropPlace::Paste),
    at("pastecode.io", DropPlace::Paste), at("pastes.io", DropPlace::Paste), at("pastie.org", DropPlace::Paste),
    at("privatebin.net", DropPlace::Paste), at("rentry.co", DropPlace::Paste), at("rentry.org", DropPlace::Paste),
    at("sprunge.us", DropPlace::Paste), at("telegra.ph", DropPlace::Paste), at("termbin.com", DropPlace::Paste), at("textbin.net", DropPlace::Paste),
    // Files.
    at("anonfile.com", DropPlace::Files), at("anonfiles.com", DropPlace::Files), at("bashupload.com", DropPlace::Files),
    at("bayfiles.com", DropPlace::Files), at("catbox.moe", DropPlace::Files), at("cdn.discordapp.com", DropPlace::Files),
    at("dl.dropboxusercontent.com", DropPlace::Files), at("dropmefiles.com", DropPlace::Files), at("envs.sh", DropPlace::Files),
    at("file.io", DropPlace::Files), at("filebin.net", DropPlace::Files), at("filetransfer.io", DropPlace::Files), at("gofile.io", DropPlace::Files),
    at("keep.sh", DropPlace::Files), at("krakenfiles.com", DropPlace::Files), at("media.discordapp.net", DropPlace::Files),
    at("mediafire.com", DropPlace::Files), at("mega.co.nz", DropPlace::Files), at("mega.nz", DropPlace::Files), at("oshi.at", DropPlace::Files),
    at("pixeldrain.com", DropPlace::Files), at("send.cm", DropPlace::Files), at("sendspace.com", DropPlace::Files), at("temp.sh", DropPlace::Files),
    at("tmpfiles.org", DropPlace::Files), at("transfer.sh", DropPlace::Files), at("ufile.io", DropPlace::Files), at("uguu.se", DropPlace::Files),
    at("workupload.com", DropPlace::Files), at("x0.at", DropPlace::Files), at("zippyshare.com", DropPlace::Files),
    // Ways into a machine at home.
    at("bore.pub", DropPlace::Tunnel), at("cpolar.cn", DropPlace::Tunnel), at("cpolar.io", DropPlace::Tunnel), at("cpolar.top", DropPlace::Tunnel),
    at("devtunnels.ms", DropPlace::Tunnel), at("lhr.life", DropPlace::Tunnel), at("loca.lt", DropPlace::Tunnel),
    at("localhost.run", DropPlace::Tunnel), at("localtunnel.me", DropPlace::Tunnel), at("localxpose.io", DropPlace::Tunnel),
    at("loclx.io", DropPlace::Tunnel), at("ngrok-free.app", DropPlace::Tunnel), at("ngrok-free.dev", DropPlace::Tunnel),
    at("ngrok.app", DropPlace::Tunnel), at("ngrok.dev", DropPlace::Tunnel), at("ngrok.io", DropPlace::Tunnel), at("pagekite.me", DropPlace::Tunnel),
    at("pinggy.io", DropPlace::Tunnel), at("pinggy.link", DropPlace::Tunnel), at("playit.gg", DropPlace::Tunnel), at("ply.gg", DropPlace::Tunnel),
    at("portmap.host", DropPlace::Tunnel), at("portmap.io", DropPlace::Tunnel), at("serveo.net", DropPlace::Tunnel),
    at("telebit.io", DropPlace::Tunnel), at("trycloudflare.com", DropPlace::Tunnel), at("tunnelto.dev", DropPlace::Tunnel),
    at("zrok.io", DropPlace::Tunnel),
    // Names that tell who looked them up.
    at("burpcollaborator.net", DropPlace::Callback), at("bxss.me", DropPlace::Callback), at("callback.red", DropPlace::Callback),
    at("canarytokens.com", DropPlace::Callback), at("canarytokens.org", DropPlace::Callback), at("ceye.io", DropPlace::Callback),
    at("dig.pm", DropPlace::Callback), at("dnslog.cn", DropPlace::Callback), at("dnslog.link", DropPlace::Callback),
    at("dnslog.pw", DropPlace::Callback), at("eyes.sh", DropPlace::Callback), at("interact.sh", DropPlace::Callback),
    at("interactsh.com", DropPlace::Callback), at("oast.fun", DropPlace::Callback), at("oast.live", DropPlace::Callback),
    at("oast.me", DropPlace::Callback), at("oast.online", DropPlace::Callback), at("oast.pro", DropPlace::Callback),
    at("oast.site", DropPlace::Callback), at("oast.us", DropPlace::Callback), at("oastify.com", DropPlace::Callback),
    at("pingb.in", DropPlace::Callback), at("r87.me", DropPlace::Callback), at("requestrepo.com", DropPlace::Callback),
    at("xss.ht", DropPlace::Callback), at("xss.report", DropPlace::Callback),
    // Addresses that stand for others, and those that count who comes.
    at("2no.co", DropPlace::Shortener), at("adf.ly", DropPlace::Shortener), at("bit.ly", DropPlace::Shortener), at("blasze.tk", DropPlace::Shortener),
    at("cutt.ly", DropPlace::Shortener), at("goo.gl", DropPlace::Shortener), at("grabify.link", DropPlace::Shortener),
    at("ipgrabber.ru", DropPlace::Shortener), at("iplogger.co", DropPlace::Shortener), at("iplogger.com", DropPlace::Shortener),
    at("iplogger.org", DropPlace::Shortener), at("iplogger.ru", DropPlace::Shortener), at("is.gd", DropPlace::Shortener),
    at("rb.gy", DropPlace::Shortener), at("rebrand.ly", DropPlace::Shortener), at("shorturl.at", DropPlace::Shortener),
    at("t.ly", DropPlace::Shortener), at("tinyurl.com", DropPlace::Shortener), at("v.gd", DropPlace::Shortener), at("yip.su", DropPlace::Shortener),
    // Names for a machine whose number changes.
    at("3322.org", DropPlace::DynamicName), at("changeip.com", DropPlace::DynamicName), at("chickenkiller.com", DropPlace::DynamicName),
    at("ddns.net", DropPlace::DynamicName), at("duckdns.org", DropPlace::DynamicName), at("dynu.net", DropPlace::DynamicName),
    at("f3322.net", DropPlace::DynamicName), at("freeddns.org", DropPlace::DynamicName), at("hopto.org", DropPlace::DynamicName),
    at("mooo.com", DropPlace::DynamicName), at("myftp.biz", DropPlace::DynamicName), at("nip.io", DropPlace::DynamicName),
    at("serveftp.com", DropPlace::DynamicName), at("sslip.io", DropPlace::DynamicName), at("sytes.net", DropPlace::DynamicName),
    at("zapto.org", DropPlace::DynamicName),
    // Hidden services.
    at("onion", DropPlace::Hidden), at("onion.ly", DropPlace::Hidden), at("onion.ws", DropPlace::Hidden), at("tor2web.org", DropPlace::Hidden),
    // Programs of anybody, for nothing.
    at("000webhostapp.com", DropPlace::Hosting), at("atwebpages.com", DropPlace::Hosting), at("cyclic.app", DropPlace::Hosting),
    at("deno.dev", DropPlace::Hosting), at("firebaseapp.com", DropPlace::Hosting), at("firebaseio.com", DropPlace::Hosting),
    at("fly.dev", DropPlace::Hosting), at("glitch.me", DropPlace::Hosting), at("herokuapp.com", DropPlace::Hosting),
    at("infinityfreeapp.com", DropPlace::Hosting), at("koyeb.app", DropPlace::Hosting), at("netlify.app", DropPlace::Hosting),
    at("on.aws", DropPlace::Hosting), at("onrender.com", DropPlace::Hosting), at("pages.dev", DropPlace::Hosting),
    at("pythonanywhere.com", DropPlace::Hosting), at("railway.app", DropPlace::Hosting), at("repl.co", DropPlace::Hosting),
    at("replit.app", DropPlace::Hosting), at("replit.dev", DropPlace::Hosting), at("supabase.co", DropPlace::Hosting),
    at("surge.sh", DropPlace::Hosting), at("vercel.app", DropPlace::Hosting), at("web.app", DropPlace::Hosting),
    at("workers.dev", DropPlace::Hosting),
];

/// Hosts that tell whoever asks his own address.
pub(super) const ECHOES: &[&str] = &[
    "api.myip.com",
    "checkip.amazonaws.com",
    "checkip.dyndns.org",
    "freegeoip.app",
    "geojs.io",
    "geolocation-db.com",
    "icanhazip.com",
    "ident.me",
    "ifconfig.co",
    "ifconfig.io",
    "ifconfig.me",
    "ip-api.com",
    "ip.42.pl",
    "ip.me",
    "ip.sb",
    "ipapi.co",
    "ipecho.net",
    "ipify.org",
    "ipinfo.io",
    "ipwho.is",
    "myexternalip.com",
    "myip.dnsomatic.com",
    "wtfismyip.com",
];

/// Where machines of a cloud get their credentials.
pub(super) const METADATA: &[&str] = &["metadata.google.internal", "metadata.goog"];

/// Mail hosts of everybody: an address there says nothing of a project.
pub(super) const FREE_MAIL: &[&str] = &[
    "126.com",
    "139.com",
    "163.com",
    "aol.com",
    "duck.com",
    "fastmail.com",
    "fastmail.fm",
    "foxmail.com",
    "gmail.com",
    "gmx.de",
    "gmx.net",
    "googlegroups.com",
    "googlemail.com",
    "hey.com",
    "hotmail.com",
    "icloud.com",
    "live.com",
    "mail.com",
    "mail.ru",
    "me.com",
    "msn.com",
    "naver.com",
    "outlook.com",
    "pm.me",
    "posteo.de",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "riseup.net",
    "tutanota.com",
    "users.noreply.github.com",
    "web.de",
    "yahoo.com",
    "yandex.ru",
    "ymail.com",
    "zoho.com",
];

/// What packages are named after: words of a name, and the hosts that belong to it.
#[rustfmt::skip]
pub(super) static SERVICES: &[(&[&str], &[&str])] = &[
    (&["telegram", "telebot", "aiogram", "telethon", "pyrogram"], &["telegram.org", "t.me"]),
    (&["discord", "nextcord", "disnake", "dhooks", "hikari"], &["discord.com", "discordapp.com", "discord.gg", "discordapp.net"]),
    (&["slack"], &["slack.com"]),
    (&["dingtalk", "dingding"], &["dingtalk.com"]),
    (&["feishu", "lark", "larksuite"], &["feishu.cn", "larksuite.com"]),
    (&["wechat", "weixin", "wecom", "werobot"], &["weixin.qq.com", "wechat.com"]),
    (&["ntfy"], &["ntfy.sh"]), (&["pushover"], &["pushover.net"]), (&["pushbullet"], &["pushbullet.com"]),
    (&["zapier"], &["zapier.com"]), (&["ifttt"], &["ifttt.com"]),
    (&["teams", "msteams", "office365", "o365"], &["office.com", "office365.com", "microsoft.com"]),
    (&["github", "gh", "ghapi"], &["github.com", "githubusercontent.com", "ghcr.io"]),
    (&["gist"], &["github.com", "githubusercontent.com"]),
    (&["gitlab"], &["gitlab.com"]), (&["bitbucket"], &["bitbucket.org"]), (&["gitee"], &["gitee.com"]),
    (&["openai", "chatgpt", "gpt"], &["openai.com", "chatgpt.com"]),
    (&["anthropic", "claude"], &["anthropic.com", "claude.ai"]),
    (&["cohere"], &["cohere.ai", "cohere.com"]), (&["mistral", "mistralai"], &["mistral.ai"]),
    (&["groq"], &["groq.com"]), (&["replicate"], &["replicate.com"]), (&["together"], &["together.ai", "together.xyz"]),
    (&["deepseek"], &["deepseek.com"]), (&["perplexity"], &["perplexity.ai"]), (&["elevenlabs"], &["elevenlabs.io"]),
    (&["assemblyai"], &["assemblyai.com"]), (&["deepgram"], &["deepgram.com"]), (&["fireworks"], &["fireworks.ai"]),
    (&["google", "gcp", "gcs", "gcsfs", "gspread", "vertexai", "gemini", "bigquery", "gdown"], &["googleapis.com", "google.com", "googleusercontent.com"]),
    (&["firebase", "pyrebase", "pyrebase4"], &["firebaseio.com", "googleapis.com", "firebaseapp.com"]),
    (&["youtube", "yt", "pytube", "youtubesearch"], &["youtube.com", "googlevideo.com", "ytimg.com", "youtu.be"]),
    (&["aws", "boto", "boto3", "botocore", "aiobotocore", "awscli", "s3", "s3fs", "sagemaker", "amazon", "bedrock", "dynamodb"], &["amazonaws.com", "amazon.com", "aws.amazon.com", "on.aws"]),
    (&["azure", "msal", "adal", "microsoft", "msgraph", "onedrive", "sharepoint"], &["azure.com", "windows.net", "microsoft.com", "microsoftonline.com", "azurewebsites.net", "sharepoint.com"]),
    (&["dropbox"], &["dropbox.com", "dropboxapi.com", "dropboxusercontent.com"]), (&["mega", "megapy"], &["mega.nz", "mega.co.nz"]),
    (&["gofile"], &["gofile.io"]), (&["pixeldrain"], &["pixeldrain.com"]), (&["pastebin"], &["pastebin.com"]),
    (&["hastebin"], &["hastebin.com"]), (&["dpaste"], &["dpaste.com", "dpaste.org"]), (&["rentry"], &["rentry.co", "rentry.org"]),
    (&["transfersh"], &["transfer.sh"]), (&["catbox"], &["catbox.moe"]), (&["telegraph"], &["telegra.ph"]),
    (&["ngrok", "pyngrok"], &["ngrok.com", "ngrok.io", "ngrok.app", "ngrok-free.app", "ngrok-free.dev", "ngrok.dev"]),
    (&["cloudflare", "cloudflared"], &["cloudflare.com", "trycloudflare.com", "workers.dev"]), (&["localtunnel"], &["loca.lt", "localtunnel.me"]),
    (&["bitly"], &["bit.ly", "bitly.com"]), (&["tinyurl"], &["tinyurl.com"]), (&["shorteners", "shortener"], &["bit.ly", "tinyurl.com", "is.gd", "cutt.ly", "adf.ly", "goo.gl"]),
    (&["canarytokens"], &["canarytokens.org", "canarytokens.com"]), (&["interactsh"], &["oast.fun", "oast.pro", "oast.live", "oast.site", "oast.online", "oast.me", "interact.sh", "interactsh.com"]),
    (&["pipedream"], &["pipedream.net", "pipedream.com"]), (&["supabase"], &["supabase.co", "supabase.com"]),
    (&["heroku"], &["heroku.com", "herokuapp.com"]), (&["vercel"], &["vercel.com", "vercel.app"]), (&["netlify"], &["netlify.com", "netlify.app"]),
    (&["replit"], &["replit.com", "replit.dev", "replit.app", "repl.co"]), (&["duckdns"], &["duckdns.org"]),
    (&["twitter", "tweepy", "tweety"], &["twitter.com", "x.com", "twimg.com"]), (&["reddit", "praw"], &["reddit.com", "redd.it"]),
    (&["facebook", "instagram", "whatsapp", "meta"], &["facebook.com", "instagram.com", "whatsapp.com", "fbcdn.net"]),
    (&["linkedin"], &["linkedin.com"]), (&["vk", "vkontakte"], &["vk.com", "vk.ru"]), (&["tiktok"], &["tiktok.com"]),
    (&["spotify", "spotipy"], &["spotify.com", "scdn.co"]), (&["twitch"], &["twitch.tv"]), (&["steam"], &["steampowered.com", "steamcommunity.com"]),
    (&["roblox"], &["roblox.com"]), (&["binance"], &["binance.com", "binance.us"]), (&["coinbase"], &["coinbase.com"]),
    (&["yahoo", "yfinance", "yahooquery"], &["yahoo.com"]), (&["kaggle", "kagglehub"], &["kaggle.com"]), (&["arxiv"], &["arxiv.org"]),
    (&["stripe"], &["stripe.com"]), (&["paypal"], &["paypal.com"]), (&["twilio", "sendgrid"], &["twilio.com", "sendgrid.com"]),
    (&["sentry"], &["sentry.io"]), (&["datadog", "ddtrace"], &["datadoghq.com", "datadoghq.eu"]), (&["newrelic"], &["newrelic.com"]),
    (&["posthog"], &["posthog.com"]), (&["segment"], &["segment.io", "segment.com"]), (&["mixpanel"], &["mixpanel.com"]),
    (&["wandb"], &["wandb.ai"]), (&["comet"], &["comet.com", "comet.ml"]), (&["neptune"], &["neptune.ai"]), (&["clearml"], &["clear.ml"]),
    (&["databricks", "mlflow"], &["databricks.com", "mlflow.org"]), (&["snowflake"], &["snowflake.com", "snowflakecomputing.com"]),
    (&["pinecone"], &["pinecone.io"]), (&["notion"], &["notion.com", "notion.so"]), (&["airtable"], &["airtable.com"]),
    (&["jira", "confluence", "atlassian"], &["atlassian.net", "atlassian.com"]), (&["trello"], &["trello.com"]),
    (&["nvidia", "cuda", "tensorrt", "ngc"], &["nvidia.com"]), (&["torch", "torchvision", "torchaudio", "pytorch"], &["pytorch.org"]),
    (&["aliyun", "alibabacloud", "dashscope", "oss2"], &["aliyuncs.com", "aliyun.com", "alibabacloud.com"]),
    (&["tencentcloud", "qcloud", "tencent"], &["tencentcloudapi.com", "myqcloud.com", "tencent.com"]),
    (&["baidu", "paddle", "paddlepaddle", "paddleocr"], &["baidu.com", "bcebos.com", "baidubce.com"]),
    (&["modelscope"], &["modelscope.cn"]), (&["nltk"], &["nltk.org", "githubusercontent.com"]), (&["spacy"], &["spacy.io", "explosion.ai"]),
    (&["playwright", "selenium", "webdriver", "chromedriver"], &["playwright.dev", "azureedge.net", "googleapis.com", "selenium.dev"]),
    (&["nodeenv", "nodejs", "node"], &["nodejs.org"]), (&["docker"], &["docker.com"]), (&["kubernetes"], &["k8s.io"]),
    (&["ipinfo"], &["ipinfo.io"]), (&["ipify"], &["ipify.org"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_in_lower_case_and_name_hosts() {
        let hosts = DROPS
            .iter()
            .map(|k| k.host)
            .chain(ECHOES.iter().copied())
            .chain(METADATA.iter().copied())
            .chain(FREE_MAIL.iter().copied())
            .chain(SERVICES.iter().flat_map(|(_, hosts)| hosts.iter().copied()));
        for host in hosts {
            assert_eq!(host, host.to_lowercase());
            assert!(host == "onion" || host.contains('.'), "{host}");
        }
        let mut all: Vec<&str> = DROPS.iter().map(|k| k.host).collect();
        all.sort_unstable();
        let count = all.len();
        all.dedup();
        assert_eq!(all.len(), count, "a place stands twice");
        for word in SERVICES.iter().flat_map(|(words, _)| words.iter()) {
            assert!(
                word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()),
                "{word}"
            );
        }
    }
}
