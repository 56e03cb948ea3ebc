//! HDF5: `attribute NAME` (its body is a text), `variable NAME` (the same in the global heap), `dataset NAME shape=2,3` (its
//! body, or zeros), `outside NAME file=` (a data set whose bytes lie in another file), `link NAME file= path=`,
//! `group NAME` (its body is a listing), `user-block N`. Links and attributes stand in object headers of the new layout.

use super::{AssembleError, listing::Item, listing::parse};

struct Writer {
    out: Vec<u8>,
}

/// An address or a length.
fn word(n: usize) -> [u8; 8] {
    (n as u64).to_le_bytes()
}

fn short(n: usize) -> [u8; 2] {
    u16::try_from(n).unwrap_or(u16::MAX).to_le_bytes()
}

fn long(n: usize) -> [u8; 4] {
    u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes()
}

/// A message of an object header.
fn message(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    out.extend(short(data.len()));
    out.push(0);
    out.extend(data);
    out
}

pub(super) fn hdf5(items: &[Item]) -> Result<Vec<u8>, AssembleError> {
    let block = items.iter().find(|i| i.verb == "user-block");
    let block = block.and_then(|i| i.name.parse().ok()).unwrap_or(0);
    let mut w = Writer { out: vec![0; 48] };
    let root = w.group(items)?;
    let mut head = b"\x89HDF\r\n\x1a\n\x02\x08\x08\x00".to_vec();
    head.extend(word(0));
    head.extend([0xff; 8]);
    head.extend(word(w.out.len()));
    head.extend(word(root));
    head.extend([0; 4]);
    w.out.splice(..48, head);
    let mut out = vec![0; block];
    out.extend(w.out);
    Ok(out)
}

impl Writer {
    fn put(&mut self, bytes: &[u8]) -> usize {
        while !self.out.len().is_multiple_of(8) {
            self.out.push(0);
        }
        let at = self.out.len();
        self.out.extend(bytes);
        at
    }

    /// An object header of the new layout.
    fn object(&mut self, messages: &[Vec<u8>]) -> usize {
        let body = messages.concat();
        let mut out = b"OHDR\x02\x02".to_vec();
        out.extend(long(body.len()));
        out.extend(body);
        out.extend([0; 4]);
        self.put(&out)
    }

    fn group(&mut self, items: &[Item]) -> Result<usize, AssembleError> {
        let mut messages = Vec::new();
        for item in items {
            match item.verb.as_str() {
                "user-block" => {}
                "attribute" => {
                    let value = item.content()?;
                    messages.push(message(
                        0x0c,
                        &attribute(&item.name, &text_type(value.len()), &value),
                    ));
                }
                "variable" => {
                    let value = item.content()?;
                    let heap = self.heap(&value);
                    let mut data = long(value.len()).to_vec();
                    data.extend(word(heap));
                    data.extend(long(1));
                    let datatype = [&[0x19, 1, 0, 0, 16, 0, 0, 0][..], &text_type(1)].concat();
                    messages.push(message(0x0c, &attribute(&item.name, &datatype, &data)));
                }
                "group" => {
                    let inner = self.group(&parse(&item.body)?)?;
                    messages.push(hard_link(&item.name, inner));
                }
                "dataset" => {
                    let at = self.dataset(item)?;
                    messages.push(hard_link(&item.name, at));
                }
                "outside" => {
                    let at = self.outside(item);
                    messages.push(hard_link(&item.name, at));
                }
                "link" => {
                    let mut info = vec![0];
                    info.extend(item.option("file").unwrap_or_default().as_bytes());
                    info.push(0);
                    info.extend(item.option("path").unwrap_or("/").as_bytes());
                    info.push(0);
                    let mut data = vec![1, 8, 64];
                    data.push(u8::try_from(item.name.len()).unwrap_or(0));
                    data.extend(item.name.as_bytes());
                    data.extend(short(info.len()));
                    data.extend(info);
                    messages.push(message(6, &data));
                }
                other => return Err(item.error(format!("unknown verb `{other}`"))),
            }
        }
        Ok(self.object(&messages))
    }

    fn heap(&mut self, value: &[u8]) -> usize {
        let padded = value.len().next_multiple_of(8);
        let mut out = b"GCOL\x01\0\0\0".to_vec();
        out.extend(word(padded.saturating_add(32)));
        out.extend([1, 0, 1, 0, 0, 0, 0, 0]);
        out.extend(word(value.len()));
        out.extend(value);
        out.resize(padded.saturating_add(32), 0);
        self.put(&out)
    }

    fn dataset(&mut self, item: &Item) -> Result<usize, AssembleError> {
        let shape = shape(item);
        let elements: usize = shape.iter().product();
        let mut data = item.content()?;
        data.resize(elements.saturating_mul(4), 0);
        let at = self.put(&data);
        let mut layout = vec![3, 1];
        layout.extend(word(at));
        layout.extend(word(data.len()));
        Ok(self.object(&[
            message(1, &dataspace(&shape)),
            message(3, &float_type()),
            message(8, &layout),
        ]))
    }

    fn outside(&mut self, item: &Item) -> usize {
        let mut names = vec![0];
        names.extend(item.option("file").unwrap_or_default().as_bytes());
        names.extend([0; 8]);
        let names = (self.put(&names), names.len());
        let mut heap = b"HEAP\0\0\0\0".to_vec();
        heap.extend(word(names.1));
        heap.extend([0xff; 8]);
        heap.extend(word(names.0));
        let heap = self.put(&heap);
        let mut files = vec![1, 0, 0, 0, 1, 0, 1, 0];
        files.extend(word(heap));
        files.extend(word(1));
        files.extend(word(0));
        files.extend(word(16));
        let shape = shape(item);
        let mut layout = vec![3, 1];
        layout.extend([0xff; 8]);
        layout.extend(word(16));
        self.object(&[
            message(1, &dataspace(&shape)),
            message(3, &float_type()),
            message(7, &files),
            message(8, &layout),
        ])
    }
}

fn shape(item: &Item) -> Vec<usize> {
    let shape = item.option("shape").unwrap_or("1");
    shape.split(',').filter_map(|n| n.parse().ok()).collect()
}

fn dataspace(shape: &[usize]) -> Vec<u8> {
    let mut out = vec![2, u8::try_from(shape.len()).unwrap_or(0), 0, 1];
    for size in shape {
        out.extend(word(*size));
    }
    out
}

fn float_type() -> Vec<u8> {
    vec![
        0x11, 0x20, 0x1f, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0,
    ]
}

fn text_type(length: usize) -> Vec<u8> {
    let mut out = vec![0x13, 0, 0, 0];
    out.extend(long(length));
    out
}

fn attribute(name: &str, datatype: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = vec![3, 0];
    out.extend(short(name.len().saturating_add(1)));
    out.extend(short(datatype.len()));
    out.extend(short(4));
    out.push(0);
    out.extend(name.as_bytes());
    out.push(0);
    out.extend(datatype);
    out.extend([2, 0, 0, 0]);
    out.extend(value);
    out
}

fn hard_link(name: &str, at: usize) -> Vec<u8> {
    let mut data = vec![1, 0];
    data.push(u8::try_from(name.len()).unwrap_or(0));
    data.extend(name.as_bytes());
    data.extend(word(at));
    message(6, &data)
}
