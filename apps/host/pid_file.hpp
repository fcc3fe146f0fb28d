#pragma once

#include <string>
#include <system_error>

#include <sys/types.h>

namespace host {

/// A file with the process's number, which is locked as long as the process lives.
///
/// The lock, not the number, says whether the process lives: a file that nobody holds is replaced,
/// whatever is in it. Made after daemonize() and before threads. Written in place, so a reader sees
/// the number, or nothing for an instant, and never half of one.
///
/// What chroot and dropping privileges leave possible: the directory is kept open, so the file is
/// found again from inside of a chroot; but to remove it the user must be allowed to write to that
/// directory. Where he is not, it is emptied instead, through the descriptor that is open, and the
/// next start replaces it. It belongs to the user that made it, and one of another user's, root
/// excepted, is made anew, so that the one that the process becomes cannot have root signal
/// somebody else.
class pid_file {
  public:
    /// A relative path begins in the current directory, the rundir. Throws failure(unavailable)
    /// that names the process which holds it, or failure(bad_configuration).
    explicit pid_file(const std::string& path);
    ~pid_file();
    pid_file(const pid_file&) = delete;

    /// Removes it, where it is still this process's own; afterwards there is nothing left to do.
    /// The error says why it could only be emptied. Does nothing in a child of the process.
    std::error_code remove() noexcept;

  private:
    bool take();
    bool is_ours() const noexcept;
    bool remove_ours() const noexcept;
    void write_number();
    [[noreturn]] void fail(int why) const;
    [[noreturn]] void refuse() const;

    const std::string path_;
    std::string name_; // in directory_
    int directory_ = -1;
    int file_ = -1;
    pid_t owner_ = 0;
};

} // namespace host
