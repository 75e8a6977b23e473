defmodule SampleApp.Mailer do
  use Swoosh.Mailer, otp_app: :sample_app
end
